import type { FileSystem } from '../io/file-system.js';
import { copyDurably } from './durable-files.js';
import type { LogNames } from './names.js';

/**
 * Copies a file before anything in it changes: once for damage that stays in place, and again each time something is
 * cut.
 */
export async function quarantine(
  fs: FileSystem,
  names: LogNames,
  number: number,
  isDamaged: boolean,
  cutNeedsCopy: boolean,
): Promise<void> {
  if (!isDamaged && !cutNeedsCopy) return;
  let copy = names.quarantine(number);
  for (let n = 2; (await fs.size(copy)) !== undefined; n++) {
    if (!cutNeedsCopy) return;
    copy = `${names.quarantine(number)}.${n}`;
  }
  await copyDurably(fs, names.file(number), copy, names.directory);
}
