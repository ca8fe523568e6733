import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { type Running, startService } from './__fixtures__/service.js';
import { settled } from './__fixtures__/waiting.js';
import { type DeadLetterEvent, TopicsEvents, type TopicsEventMap } from './events.js';
import type { Message } from './message.js';

/** Every event; the compiler checks that the list is complete. */
const EVENTS: Record<keyof TopicsEventMap, true> = {
  'topic-created': true,
  'topic-started': true,
  'topic-stopped': true,
  'topic-deleted': true,
  'deletion-unfinished': true,
  'partitions-added': true,
  'partition-failed': true,
  'store-event': true,
  'storage-full': true,
  'storage-has-room': true,
  'write-failed': true,
  'group-started': true,
  'group-stopped': true,
  rebalance: true,
  'member-expelled': true,
  'handler-timeout': true,
  handled: true,
  'handler-error': true,
  'dead-letter': true,
  'message-dropped': true,
  'consumer-error': true,
  'retention-lost': true,
};

let running: Running | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe('TopicsEvents', () => {
  it('is typed by the name of the event', () => {
    const events = new TopicsEvents();
    events.on('rebalance', (event) => {
      expectTypeOf(event).toEqualTypeOf<{ group: string; generation: number }>();
    });
    events.once('dead-letter', (event) => {
      expectTypeOf(event).toEqualTypeOf<DeadLetterEvent & { deadLetterTopic: string }>();
    });
    events.on('handled', ({ message }) => expectTypeOf(message).toEqualTypeOf<Message>());
    events.on('handler-error', ({ retryInMs }) => expectTypeOf(retryInMs).toEqualTypeOf<number | null>());
    expectTypeOf<Parameters<typeof events.send<'retention-lost'>>[1]>().toEqualTypeOf<{
      group: string;
      topic: string;
      partition: number;
      from: number;
      to: number;
    }>();
    // @ts-expect-error there is no such event
    events.on('no-such-event', () => {});
  });

  it('calls the other listeners when one throws or rejects', async () => {
    const events = new TopicsEvents();
    const [seen, errors]: [string[], unknown[]] = [[], []];
    events.onListenerError = (error) => errors.push((error as Error).message);
    events.on('topic-created', () => {
      throw new Error('thrown');
    });
    const rejects = async () => {
      await settled();
      throw new Error('rejected');
    };
    events.on('topic-created', () => rejects() as unknown as void);
    events.once('topic-created', ({ topic }) => seen.push(`once ${topic}`));
    events.on('topic-created', ({ topic }) => seen.push(topic));
    for (const topic of ['a', 'b']) events.send('topic-created', { topic, id: '' });
    await settled();
    await settled();
    expect(seen).toEqual(['once a', 'a', 'b']);
    expect(errors).toEqual(['thrown', 'thrown', 'rejected', 'rejected']);
  });

  it('has all its events explained in the README', async () => {
    const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
    const section = /## Events\n([^]*?)\n## /.exec(readme)?.[1] ?? '';
    for (const name of Object.keys(EVENTS)) expect(section).toContain(`\`${name}\``);
  });
});

it('emits the life cycle of topics and members', async () => {
  running = await startService();
  const { service } = running;
  const log: unknown[] = [];
  for (const name of [
    'topic-started',
    'partitions-added',
    'group-started',
    'group-stopped',
    'topic-deleted',
  ] as const) {
    service.events.on(name, (event: object) => log.push([name, event]));
  }
  await service.startTopic('orders');
  await service.addPartitions('orders', 3);
  const group = await service.startConsumerGroup({ group: 'g', topics: ['orders'], handler: () => {} });
  const { memberId } = group;
  const { id } = service.topic('orders');
  await group.stop();
  await service.deleteTopic('orders');
  expect(memberId).not.toBe('');
  expect(log).toEqual([
    ['topic-started', { topic: 'orders', id }],
    ['partitions-added', { topic: 'orders', partitions: 3 }],
    ['group-started', { group: 'g', memberId }],
    ['group-stopped', { group: 'g', memberId }],
    ['topic-deleted', { topic: 'orders', id }],
  ]);
});
