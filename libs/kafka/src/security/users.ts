import { createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

/** Rounds of SCRAM's key derivation; a client is told, and does as many. */
export const SCRAM_ITERATIONS = 4096;

export type ScramHash = 'sha256' | 'sha512';

/** Who may connect, and with which password. */
export class Users {
  private readonly secret = randomBytes(32);
  private readonly salted = new Map<string, Buffer>();

  constructor(private readonly passwords: ReadonlyMap<string, string>) {}

  /** Takes the same time for a wrong name as for a wrong password. */
  isPassword(name: string, password: string): boolean {
    const expected = this.passwords.get(name);
    const isEqual = timingSafeEqual(this.digest(expected ?? ''), this.digest(password));
    return isEqual && expected !== undefined;
  }

  has(name: string): boolean {
    return this.passwords.has(name);
  }

  /** Somebody unknown gets a salt too, always the same one, so that names cannot be found out. */
  salt(name: string, hash: ScramHash): Buffer {
    return this.digest(`${hash} ${name}`).subarray(0, 16);
  }

  /** For somebody unknown something that no password leads to: deriving it for every guess would cost us too much. */
  saltedPassword(name: string, hash: ScramHash): Buffer {
    const password = this.passwords.get(name);
    if (password === undefined) return this.secret;
    const key = `${hash} ${name}`;
    let salted = this.salted.get(key);
    if (salted === undefined) {
      const bytes = hash === 'sha256' ? 32 : 64;
      salted = pbkdf2Sync(password, this.salt(name, hash), SCRAM_ITERATIONS, bytes, hash);
      this.salted.set(key, salted);
    }
    return salted;
  }

  private digest(text: string): Buffer {
    return createHmac('sha256', this.secret).update(text).digest();
  }
}
