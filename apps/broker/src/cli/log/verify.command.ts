import {
  type Finding,
  type PartitionDirectory,
  verifyLog,
  type VerifyReport,
} from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { run, table } from '../output.js';
import { forEachLog, nameOf } from './partition-names.js';

interface Options {
  json?: boolean;
}

/** `genrocks log verify`: checks every file of a log. */
@SubCommand({
  name: 'verify',
  arguments: '<dir>',
  description:
    'Check every file, item and checksum of a log; changes nothing; exits 2 if anything is damaged',
})
export class VerifyCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'one JSON object per partition' })
  parseJson(): boolean {
    return true;
  }

  override async run([directory]: string[], { json }: Options): Promise<void> {
    await run(
      async (out) => {
        const reports: { partition: PartitionDirectory; report: VerifyReport }[] = [];
        await forEachLog(directory!, async (log, partition) => {
          const report = await verifyLog(log);
          const { topic, partition: number } = partition;
          if (json === true) await out.line(JSON.stringify({ topic, partition: number, ...report }));
          else for (const finding of report.findings) await out.line(describeFinding(finding));
          reports.push({ partition, report: { ...report, findings: [] } });
        });
        if (json !== true) await out.line(summary(reports));
        return reports.every(({ report }) => report.clean) ? EXIT.ok : EXIT.damaged;
      },
      { json: json === true },
    );
  }
}

/** One line per finding: severity, file, position, reason. */
export function describeFinding({ severity, file, offset, length, reason, ...around }: Finding): string {
  const place =
    offset === undefined ? '' : `: offset ${offset}${length === undefined ? '' : `, length ${length}`}`;
  const { sequenceBefore: before, sequenceAfter: after } = around;
  const between =
    before === undefined && after === undefined
      ? ''
      : ` (between sequence ${before ?? '?'} and ${after ?? '?'})`;
  return `${severity === 'damage' ? 'DAMAGE' : 'note'}  ${file}${place}: ${reason}${between}`;
}

function summary(reports: readonly { partition: PartitionDirectory; report: VerifyReport }[]): string {
  const head = ['partition', 'type', 'files', 'items', 'entries', 'bytes', 'state'];
  return table(
    head,
    reports.map(({ partition, report }) => {
      const { type, files, items, entries, bytes, clean } = report;
      return [nameOf(partition), type, files, items, entries, bytes, clean ? 'clean' : 'DAMAGED'];
    }),
  );
}
