import 'reflect-metadata';
import { CommandFactory } from 'nest-commander';
import { EXIT } from './cli/exit-codes.js';
import { RootModule } from './cli/root.module.js';

await CommandFactory.run(RootModule, {
  logger: false,
  cliName: 'genrocks',
  serviceErrorHandler: (error) => {
    process.stderr.write(`genrocks: ${error.message}\n`);
    process.exit(EXIT.failed);
  },
});
