import { restoreBackup } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { run } from '../output.js';

interface Options {
  json?: boolean;
  force?: boolean;
}

/** `genrocks log restore`: puts a backup in place. */
@SubCommand({
  name: 'restore',
  arguments: '<backup> <target>',
  description: 'Check a backup and copy it to a new or empty directory, completely or not at all',
})
export class RestoreCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'the report as one JSON object' })
  parseJson(): boolean {
    return true;
  }

  @Option({
    flags: '--force',
    description: 'replace an existing target, which is kept as <target>.replaced',
  })
  parseForce(): boolean {
    return true;
  }

  override async run([backup, target]: string[], { json, force = false }: Options): Promise<void> {
    await run(
      async (out) => {
        const report = await restoreBackup(backup!, target!, { force });
        if (json === true) await out.line(JSON.stringify(report));
        else {
          await out.line(
            `${report.directory}: ${report.partitions.length} partition(s), ${report.bytes} bytes`,
          );
          if (report.replaced !== undefined)
            await out.line(`the previous directory is now ${report.replaced}`);
        }
        return EXIT.ok;
      },
      { json: json === true },
    );
  }
}
