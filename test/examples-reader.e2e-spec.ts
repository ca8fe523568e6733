import { expect, it } from 'vitest';
import {
  type BrokerClient,
  BrokerError,
  type ReceivedMessage,
  type StreamEvent,
} from '../examples/lib/broker-client.js';
import type { BrokerProcess } from '../examples/lib/broker-process.js';
import { GroupReader } from '../examples/lib/group-reader.js';

const TOPIC = 'weather';

function message(partition: number, offset: number): StreamEvent {
  const headers = { row: String(partition * 100 + offset) };
  const message: ReceivedMessage = {
    topic: TOPIC,
    partition,
    offset,
    timestamp: 0,
    key: null,
    value: null,
    headers,
  };
  return { type: 'message', message };
}

async function* broken(events: readonly StreamEvent[]): AsyncGenerator<StreamEvent> {
  yield* events;
  throw new TypeError('terminated');
}

async function* whole(events: readonly StreamEvent[]): AsyncGenerator<StreamEvent> {
  yield* events;
}

it('a reader whose broker dies before the first commit counts the second delivery as no gap', async () => {
  const events = [message(0, 0), message(1, 0), message(0, 1)];
  const first = { start: 1, stream: () => broken(events.slice(0, 2)) } as Partial<BrokerClient>;
  const second = {
    start: 2,
    stream: () => whole(events),
    group: () => Promise.reject(new BrokerError(404, 'GROUP_NOT_FOUND', 'there is no such group')),
    commit: (group) => Promise.resolve({ group, lag: 0, offsets: [] }),
  } as Partial<BrokerClient>;
  const clients = [first, second] as BrokerClient[];
  const broker = { client: () => Promise.resolve(clients.shift()!) } as Partial<BrokerProcess>;
  const reader = new GroupReader(broker as BrokerProcess, TOPIC, 'g');
  const reading = reader.run();
  await reader.finishAt([2, 1]);
  await reading;
  expect(reader.gaps).toBe(0);
  expect(reader.again).toBe(2);
});
