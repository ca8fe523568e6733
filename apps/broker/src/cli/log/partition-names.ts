import { basename } from 'node:path';
import {
  findPartitions,
  LogSnapshot,
  type PartitionDirectory,
  type SnapshotRemark,
} from '@genrocks/storage-disklog/tools';
import { warn } from '../output.js';

/** The name of a partition in output. */
export function nameOf({ topic, partition }: Pick<PartitionDirectory, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`;
}

export function warnOfOwner(partition: Pick<PartitionDirectory, 'topic' | 'partition'>, pid: number): void {
  warn(`${nameOf(partition)} is open in process ${pid}; entries written from now on are not included`);
}

const LISTS_OF_FILES: ReadonlySet<string> = new Set(['log.idx', 'log.segments']);

/**
 * Prints what is wrong or odd about a log as a whole.
 * @returns whether any of it costs entries
 */
export function warnOfRemarks(remarks: readonly SnapshotRemark[]): boolean {
  let isDamaged = false;
  for (const { severity, file, reason } of remarks) {
    warn(`${severity === 'damage' ? 'damaged' : 'note'}: ${file}: ${reason}`);
    // A damaged list of files costs no entries, because their order was found by other means; the rest does.
    if (severity === 'damage' && !LISTS_OF_FILES.has(basename(file))) isDamaged = true;
  }
  return isDamaged;
}

/** Runs `look` on every log at or below a directory, opened for reading. `isOne` is true if there is only one. */
export async function forEachLog(
  directory: string,
  look: (log: LogSnapshot, partition: PartitionDirectory, isOne: boolean) => Promise<void>,
): Promise<void> {
  const partitions = await findPartitions(directory);
  const isOne = partitions.length === 1 && partitions[0]!.path === '';
  for (const partition of partitions) {
    const log = await LogSnapshot.open(partition.directory);
    try {
      if (log.owner !== undefined) warnOfOwner(partition, log.owner);
      await look(log, partition, isOne);
    } finally {
      await log.close();
    }
  }
}
