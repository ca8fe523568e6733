import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Access, FULL_ACCESS, NO_ACCESS } from './access.js';
import { type KafkaRight, UserAccess } from './rights.js';
import {
  deriveScram,
  HASH_BYTES,
  parseScramCredential,
  SCRAM_ITERATIONS,
  type ScramCredential,
  type ScramHash,
} from './scram-credential.js';

/** A user that may log in. */
export interface KafkaUser {
  /** The user name of SASL. */
  readonly name: string;
  /** The password, for PLAIN and both SCRAM mechanisms. */
  readonly password?: string;
  /**
   * Credentials made by {@link scramCredential}, in place of a password. Each is good for the SCRAM mechanism that it
   * names, and for PLAIN.
   */
  readonly scram?: string | readonly string[];
  /** The user's rights. Default: everything. */
  readonly rights?: readonly KafkaRight[];
}

interface KnownUser {
  readonly access: Access;
  readonly credentials: ReadonlyMap<ScramHash, Promise<ScramCredential>>;
  readonly stored: readonly ScramCredential[];
  /** Digest of the password, once it is known: from the options, or from the first successful login. */
  passwordDigest: Buffer | undefined;
}

const HASHES: readonly ScramHash[] = ['sha256', 'sha512'];

/** The users that may log in, their credentials and their rights. */
export class Users {
  /** Key of the in-memory digests. Random for each instance, since the digests are never stored. */
  private readonly pepper = randomBytes(32);
  private readonly users = new Map<string, KnownUser>();
  private readonly stored: readonly ScramCredential[];
  private checking: Promise<unknown> = Promise.resolve();

  /** @param secret never changes, so that an unknown name gets the same salt after a restart, like known ones */
  constructor(
    users: readonly KafkaUser[],
    private readonly secret: Buffer,
  ) {
    // Derive one at a time: a thousand users must not occupy the whole thread pool.
    let previous: Promise<unknown> = Promise.resolve();
    for (const user of users) {
      const { name, password, scram = [], rights } = user;
      const stored = [scram].flat().map((line) => parseScramCredential(line)!);
      const credentials = new Map(stored.map((one) => [one.hash, Promise.resolve(one)]));
      for (const hash of password === undefined ? [] : HASHES) {
        const salt = this.saltOf(name, hash);
        const derived = previous.then(() => deriveScram(password!, { hash, salt }));
        credentials.set(hash, derived);
        previous = derived;
      }
      const access = rights === undefined ? FULL_ACCESS : new UserAccess(rights);
      const passwordDigest = password === undefined ? undefined : this.digest(password);
      this.users.set(name, { access, credentials, stored, passwordDigest });
    }
    this.stored = [...this.users.values()].flatMap(({ stored }) => stored);
  }

  /** A new set of users with the same secret. */
  replacedBy(users: readonly KafkaUser[]): Users {
    return new Users(users, this.secret);
  }

  has(name: string): boolean {
    return this.users.has(name);
  }

  accessOf(name: string): Access {
    return this.users.get(name)?.access ?? NO_ACCESS;
  }

  /** Takes the same time for a wrong name as for a wrong password. */
  async isPassword(name: string, password: string): Promise<boolean> {
    const user = this.users.get(name);
    const digest = this.digest(password);
    const isEqual = timingSafeEqual(user?.passwordDigest ?? this.pepper, digest);
    if (isEqual && user?.passwordDigest !== undefined) return true;
    if (this.stored.length === 0) return false;
    // Derive one at a time: password guessing must not occupy the thread pool that disk writes need.
    const check = this.checking.then(() => this.isDerived(user, name, password));
    this.checking = check.catch(() => {});
    if (!(await check)) return false;
    user!.passwordDigest = digest;
    return true;
  }

  /**
   * An unknown name or mechanism gets a decoy: a credential that no password matches, but that looks like the others.
   */
  credential(name: string, hash: ScramHash): Promise<ScramCredential> {
    return this.users.get(name)?.credentials.get(hash) ?? Promise.resolve(this.decoy(name, hash));
  }

  private async isDerived(user: KnownUser | undefined, name: string, password: string): Promise<boolean> {
    const credential = user?.stored[0] ?? this.decoy(name, this.stored[0]!.hash);
    const { hash, salt, iterations, storedKey } = credential;
    const derived = await deriveScram(password, { hash, salt, iterations });
    const most = Math.max(...this.stored.map((one) => one.iterations));
    if (iterations < most) await deriveScram(password, { hash, salt, iterations: most - iterations });
    return timingSafeEqual(derived.storedKey, storedKey) && user !== undefined && user.stored.length > 0;
  }

  private decoy(name: string, hash: ScramHash): ScramCredential {
    const key = (purpose: string) =>
      createHmac('sha512', this.secret).update(`${purpose} ${hash} ${name}`).digest();
    const like = this.stored.filter((one) => one.hash === hash);
    const iterations = like[key('iterations').readUInt16BE(0) % (like.length || 1)]?.iterations;
    return {
      hash,
      iterations: iterations ?? SCRAM_ITERATIONS,
      salt: this.saltOf(name, hash),
      storedKey: key('stored').subarray(0, HASH_BYTES[hash]),
      serverKey: key('server').subarray(0, HASH_BYTES[hash]),
    };
  }

  private saltOf(name: string, hash: ScramHash): Buffer {
    return createHmac('sha256', this.secret).update(`salt ${hash} ${name}`).digest().subarray(0, 16);
  }

  private digest(text: string): Buffer {
    return createHmac('sha256', this.pepper).update(text).digest();
  }
}
