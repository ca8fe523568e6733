import { it } from 'vitest';
import { newSeed } from '../libs/storage-disklog/src/__fixtures__/random.js';
import { soak } from './soak/soak.js';

it('groups of handlers and kafkajs lose nothing and keep order, whoever is killed (npm run soak runs it long)', async () => {
  await soak({ seed: newSeed(), roundMs: 2_500, goesOn: () => false, report: () => {} });
});
