/** Sequence numbers go from 0 to 2^31 - 1 and begin again. */
const MODULUS = 2 ** 31;

export function addSequence(sequence: number, records: number): number {
  return (sequence + records) % MODULUS;
}
