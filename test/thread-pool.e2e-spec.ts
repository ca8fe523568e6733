import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { startBroker } from './suites/lib/broker.mjs';

async function threadsOfBroker(env: Readonly<Record<string, string>>): Promise<number> {
  const broker = await startBroker(env);
  try {
    return (await readdir(`/proc/${broker.pid}/task`)).length;
  } finally {
    await broker.stop();
  }
}

describe.skipIf(process.platform !== 'linux')('the thread pool of the broker', () => {
  it('has sixteen threads, and as many as it is told', async () => {
    const own = await threadsOfBroker({});
    const told = await threadsOfBroker({ UV_THREADPOOL_SIZE: '6' });
    expect(own - told).toBe(10);
  });
});
