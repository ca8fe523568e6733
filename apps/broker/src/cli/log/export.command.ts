import { join } from 'node:path';
import { type ExportedPartition, exportLogs } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { run, warn } from '../output.js';
import { nameOf, warnOfOwner, warnOfRemarks } from './partition-names.js';

interface Options {
  json?: boolean;
}

/** `genrocks log export`: writes a copy for Erlang. */
@SubCommand({
  name: 'export',
  arguments: '<dir> <target>',
  description:
    'Write a log to a new directory as a plain Erlang disk_log, which opens without repair; exits 2 if the log is damaged',
})
export class ExportCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'one JSON object per partition' })
  parseJson(): boolean {
    return true;
  }

  override async run([directory, target]: string[], { json }: Options): Promise<void> {
    await run(
      async (out) => {
        let isDamaged = false;
        const exported = await exportLogs(directory!, target!, warnOfOwner);
        for (const report of exported) {
          if (warnOfRemarks(report.remarks)) isDamaged = true;
          for (const { file, start, end, reason } of report.damage) {
            isDamaged = true;
            warn(`damaged, left out: ${file}: offset ${start}, length ${end - start}: ${reason}`);
          }
          await out.line(json === true ? JSON.stringify(report) : describe(report));
        }
        return isDamaged ? EXIT.damaged : EXIT.ok;
      },
      { json: json === true },
    );
  }
}

function describe(report: ExportedPartition): string {
  const size = report.limits && `, {size, {${report.limits.maxNoBytes}, ${report.limits.maxNoFiles}}}`;
  const open = `disk_log:open([{name, x}, {file, "${join(report.directory, 'log')}"}, {type, ${report.type}}${size ?? ''}])`;
  return `${nameOf(report)}: ${report.entries} entries in ${report.files} file(s); ${open}`;
}
