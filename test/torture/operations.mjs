// The operations of the ledger, by number: whoever knows the seed knows what was attempted.

/** A number from 0 up to 1 that depends on nothing but its arguments. */
function chance(seed, number, salt) {
  let t =
    (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^
      Math.imul(number + 1, 0xc2b2ae35) ^
      Math.imul(salt + 1, 0x27d4eb2f)) >>>
    0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
}

/** Operation `number` of a run: a write (single, deletion or batch), seldom a truncation or a compaction. */
export function operationAt(seed, number) {
  const kind = chance(seed, number, 0);
  if (kind < 0.002) return { type: 'truncate' };
  if (kind < 0.006) return { type: 'optimize' };
  const length = kind < 0.2 ? 2 + Math.floor(chance(seed, number, 1) * 6) : 1;
  const writes = Array.from({ length }, (_, i) => {
    const at = 10 + 4 * i;
    const key = `key${Math.floor(chance(seed, number, at) * 40)}`;
    const large = chance(seed, number, at + 1) < 0.02 ? 4000 : 60;
    const value = `${number}.${i}${'.'.repeat(Math.floor(chance(seed, number, at + 2) * large))}`;
    return { key, value: chance(seed, number, at + 3) < 0.2 ? undefined : value };
  });
  return { type: 'write', writes };
}
