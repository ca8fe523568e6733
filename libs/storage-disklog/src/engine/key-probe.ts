/** A key being looked up, and its hash, computed once for all files that are asked. */
export class KeyProbe {
  private hashed: number | undefined;

  constructor(readonly key: string) {}

  get hash(): number {
    this.hashed ??= hashKey(this.key);
    return this.hashed;
  }
}

/** A 32-bit hash of a key: FNV-1a with the finisher of MurmurHash3, without which its high bits are poor. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
