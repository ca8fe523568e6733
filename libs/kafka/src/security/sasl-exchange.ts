import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ScramCredential, ScramHash } from './scram-credential.js';
import type { Users } from './users.js';

export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

/** The result of one message of a client. */
export type SaslStep =
  | { readonly kind: 'continue'; readonly answer: Buffer }
  | { readonly kind: 'done'; readonly answer: Buffer; readonly user: string }
  | { readonly kind: 'failed' };

/** One authentication attempt. All failures look the same to the client. */
export interface SaslExchange {
  step(message: Buffer): Promise<SaslStep>;
}

const FAILED: SaslStep = { kind: 'failed' };

export function startExchange(mechanism: Mechanism, users: Users): SaslExchange {
  if (mechanism === 'PLAIN') return new PlainExchange(users);
  return new ScramExchange(users, mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512');
}

/** RFC 4616: authorization id, name and password, separated by NUL. */
class PlainExchange implements SaslExchange {
  constructor(private readonly users: Users) {}

  async step(message: Buffer): Promise<SaslStep> {
    const [authorizationId, name, password, ...rest] = message.toString('utf8').split('\0');
    if (name === undefined || password === undefined || rest.length > 0) return FAILED;
    if (authorizationId !== '' && authorizationId !== name) return FAILED;
    if (!(await this.users.isPassword(name, password))) return FAILED;
    return { kind: 'done', answer: Buffer.alloc(0), user: name };
  }
}

/** RFC 5802, without channel binding. */
class ScramExchange implements SaslExchange {
  private first:
    | {
        readonly name: string;
        readonly nonce: string;
        readonly clientFirst: string;
        readonly serverFirst: string;
        readonly credential: ScramCredential;
      }
    | undefined;

  constructor(
    private readonly users: Users,
    private readonly hash: ScramHash,
  ) {}

  async step(message: Buffer): Promise<SaslStep> {
    const text = message.toString('utf8');
    return this.first === undefined ? this.onFirst(text) : this.onFinal(text);
  }

  private async onFirst(text: string): Promise<SaslStep> {
    const match = /^n,(?:a=[^,]*)?,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(text);
    if (match === null) return FAILED;
    const name = match[2]!.replaceAll('=2C', ',').replaceAll('=3D', '=');
    const nonce = match[3]! + randomBytes(24).toString('base64url');
    const credential = await this.users.credential(name, this.hash);
    const { salt, iterations } = credential;
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.first = { name, nonce, clientFirst: match[1]!, serverFirst, credential };
    return { kind: 'continue', answer: Buffer.from(serverFirst) };
  }

  private onFinal(text: string): SaslStep {
    const { name, nonce, clientFirst, serverFirst, credential } = this.first!;
    const match = /^(c=([^,]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/.exec(text);
    // librdkafka before 2.6.1 sends its own nonce twice. Like Kafka, only check that the message ends with ours.
    if (match === null || !match[3]!.endsWith(nonce)) return FAILED;
    if (!/^n,(a=[^,]*)?,$/.test(Buffer.from(match[2]!, 'base64').toString('utf8'))) return FAILED;
    const authMessage = `${clientFirst},${serverFirst},${match[1]!}`;
    const { storedKey, serverKey } = credential;
    const signature = this.hmac(storedKey, authMessage);
    const proof = Buffer.from(match[4]!, 'base64');
    if (proof.length !== signature.length) return FAILED;
    const recovered = this.digest(Buffer.from(proof.map((byte, i) => byte ^ signature[i]!)));
    if (!timingSafeEqual(recovered, storedKey) || !this.users.has(name)) return FAILED;
    const verifier = this.hmac(serverKey, authMessage);
    return { kind: 'done', answer: Buffer.from(`v=${verifier.toString('base64')}`), user: name };
  }

  private hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.hash, key).update(text).digest();
  }

  private digest(bytes: Buffer): Buffer {
    return createHash(this.hash).update(bytes).digest();
  }
}
