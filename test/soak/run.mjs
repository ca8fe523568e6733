// npm run soak -- --minutes N [--seed S]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = values.minutes ?? '5';
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}; the same plan again: npm run soak -- --minutes ${minutes} --seed ${seed}`);
const command = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--config',
  'test/soak/vitest.config.ts',
  '--root',
  '.',
];
const { status } = spawnSync(process.execPath, command, {
  stdio: 'inherit',
  env: { ...process.env, GENROCKS_SOAK_MINUTES: minutes, GENROCKS_SEED: seed },
});
process.exitCode = status ?? 1;
