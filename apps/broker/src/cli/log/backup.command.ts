import { backupLogs } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { run, warn } from '../output.js';
import { nameOf, warnOfRemarks } from './partition-names.js';

interface Options {
  json?: boolean;
}

/** `genrocks log backup`: a consistent copy of logs that may be in use. */
@SubCommand({
  name: 'backup',
  arguments: '<dir> <target>',
  description: 'Copy logs consistently, even while a broker runs; updates an earlier backup at the target',
})
export class BackupCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'the report as one JSON object' })
  parseJson(): boolean {
    return true;
  }

  override async run([directory, target]: string[], { json }: Options): Promise<void> {
    await run(
      async (out) => {
        let isDamaged = false;
        const report = await backupLogs(directory!, target!, {
          onPartition: (partition, reused) => {
            const { files, damagedRanges, remarks = [] } = partition;
            if (warnOfRemarks(remarks)) isDamaged = true;
            if (damagedRanges > 0) {
              isDamaged = true;
              warn(`${nameOf(partition)}: ${damagedRanges} damaged range(s) copied as they are`);
            }
            if (json !== true)
              void out.line(`${nameOf(partition)}: ${files.length} files, ${reused} of them unchanged`);
          },
        });
        for (const path of report.vanished)
          warn(`${path} was deleted while the backup ran, and is not in it`);
        if (json === true) await out.line(JSON.stringify(report));
        else {
          const { partitions, bytes, copiedFiles, reusedFiles } = report;
          const counts = `${partitions.length} partition(s), ${bytes} bytes, ${copiedFiles} files copied, ${reusedFiles} unchanged`;
          await out.line(`${report.directory}: ${counts}`);
        }
        return isDamaged ? EXIT.damaged : EXIT.ok;
      },
      { json: json === true },
    );
  }
}
