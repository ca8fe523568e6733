import { IndexedKeys } from '../index/indexed-keys.js';
import { KeyProbe } from '../engine/key-probe.js';
import type { KnownEnd } from '../engine/log-end.js';
import type { LogNames } from '../engine/names.js';
import { nodeFileSystem } from '../io/file-system.js';
import type { Frame, Item } from '../format/item.js';
import type { SnapshotFile } from './snapshot-file.js';
import { sizeOf } from './read-handle.js';
import type { Finding } from './verify.js';

/** Compares the key index of a closed file with the file, item by item. */
export interface IndexCheck {
  check(item: Item, frame: Frame): void;
  finish(found: { end: number; items: number; hasGaps: boolean }): Finding[];
}

/** What a sound key index says of the end of its log file. */
export async function indexFacts(names: LogNames, number: number): Promise<KnownEnd | undefined> {
  const footer = IndexedKeys.footer(nodeFileSystem, names.keyIndex(number));
  if (footer === undefined) return undefined;
  const { generation, logEnd: end, lastSequence } = footer;
  return { number, generation, end, lastSequence };
}

/**
 * An index is a cache: a missing one, or one of another generation, is rebuilt. Only a wrong or rotten one is damage.
 */
export async function verifyKeyIndex(
  names: LogNames,
  file: SnapshotFile,
  owner: number | undefined,
): Promise<IndexCheck> {
  const path = names.keyIndex(file.number);
  const note = (reason: string): Finding => ({ severity: 'note', file: path, reason });
  const always = (finding: Finding[]): IndexCheck => ({ check: () => undefined, finish: () => finding });
  if ((await sizeOf(path)) === undefined) {
    // Erlang's files have none, and a running log may just be building it.
    const isExpected = file.generation !== undefined && owner === undefined;
    return always(isExpected ? [note('missing; the next open builds it')] : []);
  }
  const footer = IndexedKeys.footer(nodeFileSystem, path);
  if (footer === undefined)
    return always(owner === undefined ? [damaged(path, 'its footer is damaged')] : []);
  if (footer.generation !== file.generation || footer.logEnd !== file.size)
    return always(
      owner === undefined ? [note('belongs to another use of the file name; the next open rebuilds it')] : [],
    );
  const keys = IndexedKeys.open(nodeFileSystem, path, {
    generation: footer.generation,
    logEnd: footer.logEnd,
  });
  return keys === undefined ? always([]) : compare(keys, path, file);
}

/**
 * Whether the index was replaced meanwhile: it is read by name, which a running log reuses for the next file of that
 * number.
 */
function isReplaced(path: string, { footer: { generation, logEnd } }: IndexedKeys): boolean {
  const now = IndexedKeys.footer(nodeFileSystem, path);
  return now?.generation !== generation || now.logEnd !== logEnd;
}

function compare(keys: IndexedKeys, path: string, file: SnapshotFile): IndexCheck {
  let problem: string | undefined = keys.verify() ? undefined : 'a block or Bloom page fails its checksum';
  const look = (item: Item, frame: Frame) => {
    for (const [index, { key, value }] of item.entries.entries()) {
      const text = key.toString('latin1');
      const slot = keys.get(new KeyProbe(text));
      const known =
        slot !== undefined && (slot.at > frame.start || (slot.at === frame.start && slot.index >= index));
      const same = slot?.at !== frame.start || slot.index !== index || slot.deleted === (value === undefined);
      if (!known || !same) problem ??= `does not match the entry at offset ${frame.start} of ${file.name}`;
    }
  };
  return {
    check(item, frame) {
      if (problem !== undefined) return;
      try {
        look(item, frame);
      } catch (error) {
        problem = (error as Error).message;
      }
    },
    finish({ items, hasGaps }) {
      void keys.close();
      if (!hasGaps && items !== keys.footer.items)
        problem ??= `counts ${keys.footer.items} items, the file has ${items}`;
      return problem === undefined || isReplaced(path, keys) ? [] : [damaged(path, problem)];
    },
  };
}

function damaged(file: string, reason: string): Finding {
  return { severity: 'damage', file, reason };
}
