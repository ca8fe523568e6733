import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Running, startService } from '../__fixtures__/service.js';

let running: Running;

beforeEach(async () => {
  running = await startService({});
});
afterEach(async () => {
  vi.restoreAllMocks();
  await running.stop();
});

describe('when the clock of the machine is set back', () => {
  it('a read that waits for messages waits no longer than it was asked to', async () => {
    const topic = await running.service.startTopic('orders');
    const now = Date.now();
    const read = topic.partition(0).readBatches({ offset: 0, waitMs: 20 });
    vi.spyOn(Date, 'now').mockReturnValue(now - 3_600_000);
    expect(await read).toMatchObject({ batches: [], endOffset: 0 });
  });
});
