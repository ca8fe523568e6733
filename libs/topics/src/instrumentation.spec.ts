import { afterEach, expect, it } from 'vitest';
import { type Running, startService } from './__fixtures__/service.js';
import { Collector } from './__fixtures__/waiting.js';

let running: Running;
afterEach(() => running.stop());

it('wraps in layers, from when it is added, including groups that already run', async () => {
  running = await startService();
  const { service } = running;
  const log = new Collector<string>();
  const group = await service.startConsumerGroup({
    group: 'g',
    topics: ['t'],
    handler: ({ value, headers }) => log.push(`${String(value)} ${headers['by'] ?? '-'}`),
  });
  await service.publish('t', { value: 1 });
  await log.atLeast(1);
  for (const by of ['outer', 'inner']) {
    service.instrument({
      publish: (topic, messages, run) => {
        log.push(`publish ${topic} ${by}`);
        return run(messages.map((message) => ({ ...message, headers: { by } })));
      },
      handle: ({ messages, context }, run) => {
        log.push(`handle ${messages.length} ${context.group} ${by}`);
        return run();
      },
    });
  }
  service.instrument({});
  const results = await service.publishBatch('t', [{ value: 2 }]);
  expect(results).toMatchObject([{ offset: 1 }]);
  await log.atLeast(6);
  expect(log.items).toEqual([
    '1 -',
    'publish t outer',
    'publish t inner',
    'handle 1 g outer',
    'handle 1 g inner',
    '2 inner',
  ]);
  await group.stop();
});
