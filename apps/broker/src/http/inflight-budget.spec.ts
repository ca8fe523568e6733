import { isGenRocksError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import { InflightBudget, MIN_REQUEST_COST } from './inflight-budget.js';

const LONG = 60_000;

describe('InflightBudget', () => {
  it('lets requests in while there is room, then first come, first served', async () => {
    const budget = new InflightBudget(10 * MIN_REQUEST_COST);
    const first = await budget.reserve(6 * MIN_REQUEST_COST, LONG);
    const order: string[] = [];
    const large = budget.reserve(8 * MIN_REQUEST_COST, LONG).then((release) => {
      order.push('large');
      return release;
    });
    const small = budget.reserve(1, LONG).then((release) => {
      order.push('small');
      return release;
    });
    expect(budget.queued).toBe(2);
    first();
    (await large)();
    (await small)();
    expect(order).toEqual(['large', 'small']);
    expect(budget.inUse).toBe(0);
  });

  it('counts every request at least a little, and none more than the whole', async () => {
    const budget = new InflightBudget(2 * MIN_REQUEST_COST);
    const release = await budget.reserve(0, LONG);
    expect(budget.inUse).toBe(MIN_REQUEST_COST);
    release();
    release();
    expect(budget.inUse).toBe(0);
    (await budget.reserve(1e9, LONG))();
  });

  it('refuses what waits too long, and goes on with the next', async () => {
    const budget = new InflightBudget(2 * MIN_REQUEST_COST);
    const release = await budget.reserve(MIN_REQUEST_COST, LONG);
    const large = budget.reserve(2 * MIN_REQUEST_COST, 1);
    const small = budget.reserve(1, LONG);
    await expect(large).rejects.toSatisfy(
      (error) => isGenRocksError(error, 'SERVER_BUSY') && error.retriable,
    );
    (await small)();
    release();
    expect(budget.inUse).toBe(0);
  });
});
