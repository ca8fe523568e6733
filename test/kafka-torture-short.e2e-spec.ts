import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { newSeed, Random } from '../libs/storage-disklog/src/__fixtures__/random.js';
import { tortureByKills } from './kafka-torture/broker-kills.js';
import { tortureByRebalances } from './kafka-torture/rebalance-storm.js';

const withKcat = spawnSync('kcat', ['-V']).error === undefined;

/** Tells the seed where a run fails. */
async function seeded<T>(run: (random: Random) => Promise<T>): Promise<T> {
  const seed = newSeed();
  try {
    return await run(new Random(seed));
  } catch (error) {
    throw new Error(`GENROCKS_SEED=${seed}`, { cause: error });
  }
}

describe('the Kafka listener under torture, in short (npm run torture:kafka runs it long)', () => {
  it('kills of the broker: idempotent producers lose nothing and double nothing', async () => {
    const { kills, acknowledged } = await seeded((random) =>
      tortureByKills({ random, kills: 2, until: 0, withKcat }),
    );
    expect(kills).toBe(2);
    expect(acknowledged).toBeGreaterThan(0);
  });

  it('a rebalance storm: every message is delivered, and no partition has two owners', async () => {
    const { published, delivered } = await seeded((random) =>
      tortureByRebalances({ random, steps: 12, until: 0, withKcat, withVanishing: false }),
    );
    expect(published).toBeGreaterThan(0);
    expect(delivered).toBeGreaterThanOrEqual(published);
  });
});
