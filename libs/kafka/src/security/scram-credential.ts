import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

/** Iterations of SCRAM's key derivation. Clients are told the number and do as many. */
export const SCRAM_ITERATIONS = 4096;
const MAX_ITERATIONS = 1_000_000;
const SALT_BYTES = 16;

/** The hash function of a SCRAM mechanism: `SCRAM-SHA-256` or `SCRAM-SHA-512`. */
export type ScramHash = 'sha256' | 'sha512';

/** The SCRAM mechanisms by hash. */
const SCRAM_MECHANISMS: Readonly<Record<ScramHash, string>> = {
  sha256: 'SCRAM-SHA-256',
  sha512: 'SCRAM-SHA-512',
};
export const HASH_BYTES: Readonly<Record<ScramHash, number>> = { sha256: 32, sha512: 64 };

/** A credential that can check a password, but reveals neither the password nor a way to log in. */
export interface ScramCredential {
  readonly hash: ScramHash;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** How a credential is derived from a password. */
export interface ScramOptions {
  /** Default `sha512`. */
  readonly hash?: ScramHash;
  /** 4,096 to 1,000,000. Default 4,096. */
  readonly iterations?: number;
  /** Default: 16 random bytes. */
  readonly salt?: Buffer;
}

/** Derives a credential from a password. */
export async function deriveScram(password: string, options: ScramOptions = {}): Promise<ScramCredential> {
  const { hash = 'sha512', iterations = SCRAM_ITERATIONS, salt = randomBytes(SALT_BYTES) } = options;
  const salted = await derive(password, salt, iterations, HASH_BYTES[hash], hash);
  const hmac = (text: string) => createHmac(hash, salted).update(text).digest();
  const storedKey = createHash(hash).update(hmac('Client Key')).digest();
  return { hash, iterations, salt, storedKey, serverKey: hmac('Server Key') };
}

/**
 * Derives the line for the `scram` option of a user from a password, in the form of RFC 5803:
 * `SCRAM-SHA-512$4096:<salt>$<stored key>:<server key>`.
 *
 * @publicApi
 */
export async function scramCredential(password: string, options: ScramOptions = {}): Promise<string> {
  const { hash, iterations, salt, storedKey, serverKey } = await deriveScram(password, options);
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((bytes) => bytes.toString('base64'));
  return `${SCRAM_MECHANISMS[hash]}$${iterations}:${saltText}$${stored}:${server}`;
}

/** Parses a line of {@link scramCredential}; undefined if it is not one. */
export function parseScramCredential(line: string): ScramCredential | undefined {
  const base64 = '([A-Za-z0-9+/]+={0,2})';
  const pattern = new RegExp(`^SCRAM-SHA-(256|512)\\$(\\d{4,7}):${base64}\\$${base64}:${base64}$`);
  const match = pattern.exec(line.trim());
  if (match === null) return undefined;
  const hash: ScramHash = match[1] === '256' ? 'sha256' : 'sha512';
  const iterations = Number(match[2]);
  const [salt, storedKey, serverKey] = match.slice(3).map((text) => Buffer.from(text, 'base64'));
  const isWhole = storedKey!.length === HASH_BYTES[hash] && serverKey!.length === HASH_BYTES[hash];
  if (!isWhole || iterations < SCRAM_ITERATIONS || iterations > MAX_ITERATIONS) return undefined;
  return { hash, iterations, salt: salt!, storedKey: storedKey!, serverKey: serverKey! };
}
