// npm run torture -- --minutes N [--seed S] [--only ledger|power-cut|crash-states|model|concurrent|full-disk|erlang|mutants]
// npm run torture:kafka -- --minutes N [--seed S]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    kafka: { type: 'boolean', default: false },
  },
});
const mutants = values.only === 'mutants';
const directory = values.kafka ? 'test/kafka-torture/' : 'test/torture/';
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const command = mutants
  ? ['test/torture/mutants.mjs']
  : [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'test/torture/vitest.config.ts',
      '--root',
      '.',
      directory,
    ];
console.log(
  `seed ${seed}; the same run again: npm run torture${values.kafka ? ':kafka' : ''} -- --seed ${seed}${values.only ? ` --only ${values.only}` : ''}`,
);
const { status } = spawnSync(process.execPath, command, {
  stdio: 'inherit',
  env: {
    ...process.env,
    GENROCKS_TORTURE_MINUTES: values.minutes ?? '6',
    GENROCKS_TORTURE_ONLY: values.only ?? '',
    GENROCKS_SEED: seed,
  },
});
process.exitCode = status ?? 1;
