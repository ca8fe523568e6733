import { InvalidArgumentError } from '@genrocks/storage';
import { findPartitions } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import type { ImportReport } from './import.js';
import { run, warn } from '../output.js';
import { nameOf, warnOfRemarks } from './partition-names.js';

interface Options {
  json?: boolean;
  topic?: string;
  state?: string;
}

/** `genrocks log import`: turns a data directory of GenRocks for Elixir into topics. */
@SubCommand({
  name: 'import',
  arguments: '<dir> <log_dir>',
  description:
    'Turn a data directory of GenRocks for Elixir into topics and group offsets in a new log_dir; exits 2 on damage',
})
export class ImportCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'the report as one JSON object' })
  parseJson(): boolean {
    return true;
  }

  @Option({
    flags: '--topic <name>',
    description: 'the topic, if the path of the directory does not name it',
  })
  parseTopic(name: string): string {
    return name;
  }

  @Option({
    flags: '--state <suffix>',
    description:
      'keep keys that are not messages in a store named <topic>.<suffix>; without it they are skipped and counted',
  })
  parseState(suffix: string): string {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(suffix))
      throw new InvalidArgumentError(
        `--state: ${JSON.stringify(suffix)} is not allowed; letters, digits, ".", "_", "-"`,
      );
    return suffix;
  }

  override async run([directory, target]: string[], { json, topic, state }: Options): Promise<void> {
    await run(
      async (out) => {
        const found = await findPartitions(directory!);
        if (topic !== undefined && new Set(found.map((partition) => partition.topic)).size > 1)
          throw new InvalidArgumentError(
            '--topic needs a directory with a single topic; omit it, or name the directory of a topic',
          );
        const sources = found.map((source) => ({ ...source, topic: topic ?? source.topic }));
        // Loaded only when needed: the other commands do not use the topics library.
        const { importLegacy } = await import('./import.js');
        const report = await importLegacy(sources, target!, { state, onProgress: warn });
        const isDamaged = tell(report);
        if (json === true) await out.line(JSON.stringify(report));
        else for (const line of describe(report)) await out.line(line);
        return isDamaged ? EXIT.damaged : EXIT.ok;
      },
      { json: json === true },
    );
  }
}

/**
 * Warns about everything that was not imported unchanged.
 * @returns whether anything was damaged
 */
function tell(report: ImportReport): boolean {
  const isDamaged = warnOfRemarks(report.remarks) || report.damage.length > 0;
  for (const { file, start, end, reason } of report.damage)
    warn(`damaged, left out: ${file}: offset ${start}, length ${end - start}: ${reason}`);
  for (const partition of report.partitions) {
    const name = nameOf(partition);
    const {
      missingOffsets,
      rawMessages,
      groupsMovedToEnd,
      groupsLeftOut,
      unreadableKeys,
      otherKeys,
      stateStore,
    } = partition;
    if (missingOffsets > 0) warn(`${name}: ${missingOffsets} offset(s) have no message and stay empty`);
    if (rawMessages > 0)
      warn(`${name}: ${rawMessages} message(s) are not in the expected form; kept as raw bytes`);
    if (groupsMovedToEnd.length > 0)
      warn(`${name}: group offsets beyond the end, moved to the end: ${groupsMovedToEnd.join(', ')}`);
    if (groupsLeftOut.length > 0)
      warn(`${name}: group names that are not allowed, skipped: ${groupsLeftOut.join(', ')}`);
    if (unreadableKeys.length > 0) warn(`${name}: no valid offset in ${unreadableKeys.join(', ')}; skipped`);
    if (otherKeys > 0 && stateStore === undefined)
      warn(`${name}: ${otherKeys} other key(s) skipped; pass --state to keep them in a store`);
  }
  return isDamaged;
}

function describe({ partitions }: ImportReport): string[] {
  return partitions.map((partition) => {
    const { messages, startOffset, nextOffset, groups, otherKeys, stateStore } = partition;
    const state = stateStore === undefined ? '' : `, ${otherKeys} other keys in ${stateStore}`;
    return `${nameOf(partition)}: ${messages} messages, offsets ${startOffset} to ${nextOffset - 1}, ${groups} group offsets${state}`;
  });
}
