import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { CommandFactory } from 'nest-commander';
import { EXIT } from './exit-codes.js';
import { describeError } from './output.js';
import { RootModule } from './root.module.js';
import { Terminal } from './terminal.js';

/** Runs the command that the arguments of the process name. */
export async function run(): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const terminal = Terminal.ofProcess();
  await CommandFactory.run(await RootModule.on(terminal, process.argv.slice(2)), {
    logger: false,
    cliName: 'genrocks',
    version,
    serviceErrorHandler: (error) => {
      process.stderr.write(`${describeError(error, process.argv.includes('--json'))}\n`);
      process.exit(EXIT.failed);
    },
  });
  process.exitCode ??= terminal.exitCode;
}
