/* eslint-disable @typescript-eslint/no-unsafe-member-access -- supertest gives bodies as any */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';

interface SeenEvent {
  id?: string;
  event?: string;
  data: Record<string, unknown>;
}

/** A client of an event stream that remembers what it saw. */
class EventClient {
  readonly events: SeenEvent[] = [];
  /** Comments seen, one a line. */
  comments = '';
  /** What came after the last complete event. */
  private text = '';
  private wake: () => void = () => {};
  private closed = false;

  private constructor(readonly answer: IncomingMessage) {
    answer.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      this.parse();
      this.wake();
    });
    answer.on('close', () => {
      this.closed = true;
      this.wake();
    });
    answer.on('error', () => {});
  }

  static open(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
    return new Promise((resolve, reject) => {
      httpRequest(url, { headers }, (answer) => resolve(new EventClient(answer)))
        .on('error', reject)
        .end();
    });
  }

  private parse(): void {
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop()!;
    for (const block of blocks) {
      const lines = block.split('\n');
      this.comments += lines
        .filter((line) => line.startsWith(':'))
        .map((line) => `${line}\n`)
        .join('');
      const { data, ...rest } = Object.fromEntries(
        lines.map((line) => line.split(/: (.*)/s).slice(0, 2)),
      ) as Record<string, string>;
      if (data !== undefined)
        this.events.push({ ...rest, data: JSON.parse(data) as Record<string, unknown> });
    }
  }

  get values(): unknown[] {
    return this.events.map(({ data }) => data['value']);
  }

  /** Resolves when the condition holds; it is asked again whenever something arrives. */
  async until(condition: (client: this) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.closed) throw new Error(`stream ended: ${this.text}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async end(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  close(): void {
    this.answer.destroy();
  }
}

describe.each(ADAPTERS)('event streams on %s', (adapter) => {
  let broker: RunningBroker;
  const clients: EventClient[] = [];

  beforeEach(async () => {
    broker = await startBroker(adapter, {
      http: { heartbeat_ms: 100 },
      topics: [{ name: 'orders', partitions: 3 }],
    });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await broker.close();
  });

  async function open(query = '', headers: Record<string, string> = {}): Promise<EventClient> {
    const client = await EventClient.open(`${broker.url}/v1/topics/orders/stream${query}`, headers);
    clients.push(client);
    await client.until(({ comments }) => comments.includes(': connected'));
    return client;
  }

  async function publish(messages: object[]): Promise<void> {
    await broker.http.post('/v1/topics/orders/messages').send({ messages }).expect(201);
  }

  const onEach = (value: number) => [0, 1, 2].map((partition) => ({ partition, value }));

  it('tells what is published from now on, on all partitions', async () => {
    await publish(onEach(0));
    const client = await open();
    expect(client.answer.headers['content-type']).toMatch(/^text\/event-stream/);
    await publish(onEach(1));
    await client.until(({ events }) => events.length === 3);
    expect(client.values).toEqual([1, 1, 1]);
    expect(client.events.map(({ id }) => id).toSorted()).toEqual(['0:1', '1:1', '2:1']);
  });

  it('waits on more partitions than Node takes abort listeners for a leak, without a warning', async () => {
    await broker.http.post('/v1/topics').send({ name: 'many', partitions: 12 }).expect(201);
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    const client = await EventClient.open(`${broker.url}/v1/topics/many/stream`);
    clients.push(client);
    await client.until(({ comments }) => comments.includes(': heartbeat'));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('are refused while the topic is stopped, as are its offsets', async () => {
    await broker.http.post('/v1/topics/orders/stop').expect(200);
    for (const path of ['stream', 'offsets']) {
      const answer = await broker.http.get(`/v1/topics/orders/${path}`).timeout(5_000).expect(409);
      expect(answer.body).toMatchObject({ code: 'TOPIC_STOPPED' });
    }
  });

  it('begins at the earliest message where asked to, and tells all in order', async () => {
    await publish(Array.from({ length: 1000 }, (_, value) => ({ partition: 1, value })));
    const client = await open('?from=earliest');
    await client.until(({ events }) => events.length === 1000);
    expect(client.values).toEqual(Array.from({ length: 1000 }, (_, value) => value));
  });

  it('begins where the group has committed, and commits nothing itself', async () => {
    await publish(Array.from({ length: 4 }, (_, value) => ({ partition: 0, value })));
    const offsets = [{ topic: 'orders', partition: 0, offset: 2 }];
    await broker.http.post('/v1/groups/billing/offsets').send({ offsets }).expect(200);
    const client = await open('?group=billing&from=earliest');
    await client.until(({ events }) => events.length === 2);
    expect(client.values).toEqual([2, 3]);
    const group = await broker.http.get('/v1/groups/billing').expect(200);
    expect(group.body.offsets).toMatchObject([{ partition: 0, committed: 2 }]);
  });

  it('goes on after the last event a client has seen', async () => {
    await publish(Array.from({ length: 4 }, (_, value) => ({ partition: 2, value })));
    const client = await open('', { 'last-event-id': '2:1' });
    await client.until(({ events }) => events.length === 2);
    expect(client.values).toEqual([2, 3]);
  });

  it('says what retention or truncation took away', async () => {
    await publish(Array.from({ length: 4 }, (_, value) => ({ partition: 0, value })));
    await broker.http.post('/v1/topics/orders/truncate').expect(200);
    const client = await open('?from=0', { 'last-event-id': '0:1' });
    await client.until(({ events }) => events.some(({ event }) => event === 'lost'));
    expect(client.events[0]).toMatchObject({ event: 'lost', data: { partition: 0, from: 2, to: 4 } });
  });

  it('sends heartbeats while there is nothing to tell', async () => {
    const client = await open();
    await client.until(({ comments }) => comments.split(': heartbeat').length > 2);
    expect(client.events).toEqual([]);
  });

  it('refuses what it does not understand, before the stream begins', async () => {
    await broker.http.get('/v1/topics/orders/stream?from=yesterday').expect(400);
    await broker.http.get('/v1/topics/orders/stream?form=latest').expect(400);
    await broker.http.get('/v1/topics/orders/stream').set('last-event-id', 'x').expect(400);
    await broker.http.get('/v1/topics/none/stream').expect(404);
  });

  it('ends with an event that says why when its topic is deleted', async () => {
    const client = await open();
    await broker.http.delete('/v1/topics/orders').expect(204);
    await client.end();
    expect(client.events.at(-1)).toMatchObject({ event: 'error', data: { code: 'TOPIC_STOPPED' } });
  });

  it('reads no further ahead than a client that does not read', async () => {
    const client = await open('?from=earliest');
    client.answer.pause();
    const value = 'x'.repeat(100_000);
    for (let i = 0; i < 20; i++) {
      await publish(Array.from({ length: 10 }, () => ({ partition: 0, value })));
    }
    const before = await consumed();
    expect(before).toBeLessThan(200);
    client.answer.resume();
    await client.until(({ events }) => events.length === 200);
    expect(await consumed()).toBe(200);
  });

  it('and many more of them are no leak, of which Node would warn', async () => {
    const warnings: string[] = [];
    const hear = ({ name }: Error) => void warnings.push(name);
    process.on('warning', hear);
    for (let i = 0; i < 12; i++) await open();
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('ends when the broker stops', async () => {
    const client = await open();
    await Promise.all([broker.app.close(), client.end()]);
  });

  async function consumed(): Promise<number> {
    const { text } = await broker.http.get('/metrics').expect(200);
    return Number(/genrocks_messages_consumed_total\{topic="orders"\} (\d+)/.exec(text)?.[1] ?? 0);
  }
});
