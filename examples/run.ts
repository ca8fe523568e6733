import { parseArgs } from 'node:util';
import { basic } from './basic.js';
import { configurationComparison } from './configuration-comparison.js';
import { crashRecovery } from './crash-recovery.js';
import { highThroughput } from './high-throughput.js';
import { type Example, Stage } from './lib/stage.js';

const EXAMPLES: readonly Example[] = [basic, highThroughput, crashRecovery, configurationComparison];

function usage(): string {
  const names = EXAMPLES.map(({ name, summary }) => `  ${name.padEnd(26)}${summary}`);
  return ['usage: npm run example -- <name> [--short]', '', ...names, ''].join('\n');
}

async function run(example: Example, short: boolean): Promise<number> {
  const stage = new Stage(short);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.log(`\n${signal}: cleaning up`);
      void stage.end().finally(() => process.exit(130));
    });
  }
  try {
    await example.run(stage);
  } catch (error) {
    stage.check(false, `${example.name} stopped: ${(error as Error).stack}`);
  } finally {
    await stage.end();
  }
  console.log(
    stage.failed === 0 ? `\n${example.name}: all checks passed` : `\n${stage.failed} check(s) failed`,
  );
  return stage.failed === 0 ? 0 : 1;
}

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  allowPositionals: true,
  strict: false,
});
const example = EXAMPLES.find(({ name }) => name === positionals[0]);
if (example !== undefined) {
  process.exitCode = await run(example, values.short === true);
} else if (positionals.length === 0 && values.help === true) {
  process.stdout.write(usage());
} else {
  if (positionals.length > 0)
    process.stderr.write(`there is no example ${JSON.stringify(positionals[0])}\n\n`);
  process.stderr.write(usage());
  process.exitCode = 2;
}
