import { it } from 'vitest';
import { newSeed } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { soak } from './soak.js';

const minutes = Number(process.env.GENROCKS_SOAK_MINUTES ?? 1);
/** Between two settlements. */
const ROUND_MS = 20_000;

it(`groups under soak for ${minutes} min`, { timeout: minutes * 60_000 + 600_000 }, async () => {
  const until = performance.now() + minutes * 60_000;
  await soak({
    seed: newSeed(),
    roundMs: Math.min(ROUND_MS, minutes * 60_000),
    goesOn: () => performance.now() < until,
    report: (line) => console.log(`${new Date().toISOString()} ${line}`),
  });
});
