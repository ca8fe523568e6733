import type { Entry } from '../format/entry.js';
import type { Damage } from '../engine/log-file.js';
import { extentOf, stepsOf } from './file-steps.js';
import type { LogSnapshot } from './log-snapshot.js';

/** Which entries to dump. */
export interface DumpOptions {
  /** Maximum number of entries. */
  readonly limit?: number;
  /** Only entries whose key begins with these bytes. */
  readonly prefix?: Buffer;
  /** Only entries whose key is not below this one, bytewise. */
  readonly fromKey?: Buffer;
}

/** What a dump yields, in log order. The buffers of an entry are views of larger ones: copy what you keep. */
export type DumpStep =
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'damage'; readonly damage: Damage }
  /** Left at the end by an interrupted write. It was never acknowledged, and is not damage. */
  | { readonly type: 'torn'; readonly file: string; readonly offset: number; readonly bytes: number };

/** Every entry of a log in the order of writing, and what could not be read, in bounded memory. */
export async function* dumpLog(snapshot: LogSnapshot, options: DumpOptions = {}): AsyncGenerator<DumpStep> {
  let left = options.limit ?? Infinity;
  for (const file of snapshot.files) {
    if (left <= 0) return;
    const { end, tornBytes } = await extentOf(file);
    for await (const step of stepsOf(file, end)) {
      if (step.type === 'damage') {
        yield step;
        continue;
      }
      for (const entry of step.item.entries) {
        if (!matches(entry.key, options)) continue;
        if (left-- <= 0) return;
        yield { type: 'entry', entry };
      }
    }
    // In a running log it is a write under way.
    if (tornBytes > 0 && snapshot.owner === undefined)
      yield { type: 'torn', file: file.path, offset: end, bytes: tornBytes };
  }
}

function matches(key: Buffer, { prefix, fromKey }: DumpOptions): boolean {
  if (prefix !== undefined && !key.subarray(0, prefix.length).equals(prefix)) return false;
  return fromKey === undefined || key.compare(fromKey) >= 0;
}
