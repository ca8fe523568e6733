import { spawnSync } from 'node:child_process';
import { describe, it } from 'vitest';
import { newSeed, Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { tortureByKills } from './broker-kills.js';
import { tortureByRebalances } from './rebalance-storm.js';

const minutes = Number(process.env.GENROCKS_TORTURE_MINUTES ?? 1);
const milliseconds = (minutes * 60_000) / 2;
const withKcat = spawnSync('kcat', ['-V']).error === undefined;

describe('the Kafka listener under torture', () => {
  it('kills of the broker', { timeout: milliseconds + 300_000 }, async () => {
    const seed = newSeed();
    console.log(`kills of the broker: ${milliseconds / 1000} s, seed ${seed}`);
    const until = Date.now() + milliseconds;
    console.log(await tortureByKills({ random: new Random(seed), kills: 1, until, withKcat }));
  });

  it('a rebalance storm', { timeout: milliseconds + 300_000 }, async () => {
    const seed = newSeed();
    console.log(`a rebalance storm: ${milliseconds / 1000} s, seed ${seed}`);
    const until = Date.now() + milliseconds;
    const random = new Random(seed);
    console.log(await tortureByRebalances({ random, steps: 1, until, withKcat, withVanishing: true }));
  });
});
