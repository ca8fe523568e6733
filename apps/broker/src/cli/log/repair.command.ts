import { findPartitions, repairLog, type RepairReport } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { run } from '../output.js';
import { nameOf } from './partition-names.js';
import { describeFinding } from './verify.command.js';

interface Options {
  json?: boolean;
  dryRun?: boolean;
}

/** `genrocks log repair`: rewrites a damaged log with every entry that can be read. */
@SubCommand({
  name: 'repair',
  arguments: '<dir>',
  description:
    'Rewrite damaged files and their indexes with the intact items; keeps copies as *.corrupt; the log must not be open',
})
export class RepairCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'one JSON object per partition' })
  parseJson(): boolean {
    return true;
  }

  @Option({ flags: '--dry-run', description: 'only report the damage; change nothing' })
  parseDryRun(): boolean {
    return true;
  }

  override async run([directory]: string[], { json, dryRun = false }: Options): Promise<void> {
    await run(
      async (out) => {
        let isClean = true;
        for (const partition of await findPartitions(directory!)) {
          const report = await repairLog(partition.directory, { dryRun });
          isClean &&= report.after.clean;
          const { topic, partition: number } = partition;
          if (json === true) await out.line(JSON.stringify({ topic, partition: number, ...report }));
          else for (const line of describe(nameOf(partition), report)) await out.line(line);
        }
        return isClean ? EXIT.ok : EXIT.damaged;
      },
      { json: json === true },
    );
  }
}

function describe(name: string, report: RepairReport): string[] {
  const lines = report.findings.map(describeFinding);
  for (const { file, copy, itemsKept, bytesBefore, bytesAfter } of report.rewritten) {
    lines.push(
      `rewrote ${file}: kept ${itemsKept} items, ${bytesBefore} bytes before, ${bytesAfter} after; copy: ${copy}`,
    );
  }
  if (report.dryRun)
    lines.push(`${name}: ${report.after.clean ? 'nothing to repair' : 'damaged; changed nothing'}`);
  else
    lines.push(`${name}: ${report.after.clean ? 'clean' : 'still damaged'}, ${report.after.entries} entries`);
  return lines;
}
