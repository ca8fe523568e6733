import type { Slot } from '../format/entry-layout.js';
import type { LogFormat } from '../format/log-format.js';

export type PlacedEntry = Slot & { readonly key: string };

/** The entries of an item and where they stand. Throws if the item has another layout. */
export function placedEntries(
  format: LogFormat,
  bytes: Buffer,
  start: number,
  length: number,
  at: number,
): PlacedEntry[] {
  const placed: PlacedEntry[] = [];
  if (!format.placeEntries(bytes, start, length, at, (key, slot) => placed.push({ key, ...slot }))) {
    throw new Error('no item as this format lays them out');
  }
  return placed;
}
