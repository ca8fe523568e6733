/** Sequence numbers run from 0 to 2^31 - 1, then start again at 0. */
const MODULUS = 2 ** 31;

export function addSequence(sequence: number, records: number): number {
  return (sequence + records) % MODULUS;
}
