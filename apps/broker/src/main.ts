import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { CommandFactory } from 'nest-commander';
import { EXIT } from './cli/exit-codes.js';
import { RootModule } from './cli/root.module.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await CommandFactory.run(RootModule, {
  logger: false,
  cliName: 'genrocks',
  version,
  serviceErrorHandler: (error) => {
    process.stderr.write(`genrocks: ${error.message}\n`);
    process.exit(EXIT.failed);
  },
});
