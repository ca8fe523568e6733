import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { GenRocksError } from '@genrocks/storage';
import { PartiallyPublishedError, type PublishMessage, type PublishResult } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProblem } from '../../http/problem.js';
import { publishLines } from '../../messages/bulk-publisher.js';
import { BrokerClient } from '../client/broker-client.js';
import type { ApiAnswer, ApiRequest, Transport } from '../client/transport.js';
import { Terminal } from '../terminal.js';
import { publishInput, type PublishReport } from './publish-input.js';
import { RecordPublisher } from './record-publisher.js';
import type { SourceRecord } from './record-reader.js';

const PARTITIONS = 3;
const RECORDS = 2_300;

/** What goes wrong with one batch: partitions that do not take their part of it. */
type Failure = readonly number[];

/** A broker of which some partitions fail, each batch atomic in every partition; answers as the real one does. */
class FailingBroker implements Transport {
  readonly isShared = true;
  readonly stored: number[][] = Array.from({ length: PARTITIONS }, () => []);
  /** Told before each request; may throw. */
  onRequest: () => void = () => {};

  constructor(private readonly failures: Failure[]) {}

  async send({ method, body }: ApiRequest): Promise<ApiAnswer> {
    if (method === 'GET') return { status: 200, text: JSON.stringify({ name: 'numbers', id: 'id' }) };
    this.onRequest();
    const lines = body!.bytes.toString().trimEnd().split('\n');
    const page = lines.map((line, index) => ({ number: index + 1, bytes: Buffer.from(line) }));
    try {
      const receipt = await publishLines('numbers', Readable.from([page]), async (messages) =>
        this.publish(messages),
      );
      return { status: 200, text: JSON.stringify(receipt) };
    } catch (error) {
      const problem = toProblem(error);
      return { status: problem.status, text: JSON.stringify(problem) };
    }
  }

  async close(): Promise<void> {}

  private publish(messages: PublishMessage[]): PublishResult[] {
    const failing = new Set(this.failures.shift());
    const results = messages.map((message) => {
      const n = (message.value as { n: string | number }).n;
      const partition = Number(n) % PARTITIONS;
      if (failing.has(partition)) return undefined;
      const offset = this.stored[partition]!.push(Number(n)) - 1;
      return { topic: 'numbers', partition, offset, timestamp: 0 };
    });
    const cause = new GenRocksError('LOG_FULL', 'the log is full; truncate it');
    if (results.every((result) => result === undefined)) throw cause;
    if (results.includes(undefined)) throw new PartiallyPublishedError(results, cause);
    return results as PublishResult[];
  }
}

describe('a file that a broker stores in part', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-publish-'));
    const numbers = Array.from({ length: RECORDS }, (_, n) => n);
    await writeFile(join(directory, 'in.jsonl'), numbers.map((n) => `{"n":${n}}\n`).join(''));
    await writeFile(join(directory, 'in.csv'), `n\n${numbers.join('\n')}`);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  function publish(
    broker: FailingBroker,
    name: 'in.jsonl' | 'in.csv',
    signal = new AbortController().signal,
  ): Promise<PublishReport> {
    const streams = [new PassThrough(), new PassThrough()] as const;
    const terminal = new Terminal(Readable.from([]), ...streams, {}, false, () => signal);
    return publishInput(new BrokerClient(broker), terminal, {
      topic: 'numbers',
      file: join(directory, name),
      format: name === 'in.csv' ? 'csv' : 'jsonl',
      restart: false,
      quiet: true,
    });
  }

  const expected = (partition: number) =>
    Array.from({ length: RECORDS }, (_, n) => n).filter((n) => n % PARTITIONS === partition);

  it('is stored once, in order, however often it fails and whichever partitions take their part', async () => {
    const failure = fc.subarray([0, 1, 2]);
    const scenario = fc.tuple(
      fc.constantFrom('in.jsonl' as const, 'in.csv' as const),
      fc.array(failure, { maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ([name, failures]) => {
        const broker = new FailingBroker([...failures]);
        for (let run = 0; ; run++) {
          const before = broker.stored.flat().length;
          const ended = await publish(broker, name).catch((error: unknown) => error);
          if (!(ended instanceof Error)) {
            expect((ended as PublishReport).published).toBe(broker.stored.flat().length - before);
            break;
          }
          expect(ended).toMatchObject({ code: 'LOG_FULL' });
          expect(run).toBeLessThanOrEqual(failures.length);
        }
        for (let partition = 0; partition < PARTITIONS; partition++)
          expect(broker.stored[partition]).toEqual(expected(partition));
      }),
      { numRuns: 25 },
    );
  });

  it('notes what is stored beyond the first record that is not, and that the file is the same up to there', async () => {
    // Of what is behind the first thousand one partition takes nothing.
    const broker = new FailingBroker([[], [1], [1], [0, 1, 2]]);
    await expect(publish(broker, 'in.jsonl')).rejects.toMatchObject({
      code: 'LOG_FULL',
      message: 'record 1001: the log is full; truncate it',
    });
    const path = join(directory, 'in.jsonl');
    const noted = JSON.parse(await readFile(`${path}.numbers.position`, 'utf8')) as {
      records: number;
      ahead: { records: number[] };
    };
    // Record 1001 is the number 1000, which is partition 1's.
    expect(noted.records).toBe(1000);
    expect(noted.ahead.records.slice(0, 4)).toEqual([1002, 1003, 1005, 1006]);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('{"n":1001}', '{"n":9999}'));
    await expect(publish(broker, 'in.jsonl')).rejects.toMatchObject({ code: 'POSITION_MISMATCH' });
    await writeFile(path, text);
    const report = await publish(broker, 'in.jsonl');
    expect(report).toMatchObject({ resumed_at: 1000, complete: true });
    for (let partition = 0; partition < PARTITIONS; partition++)
      expect(broker.stored[partition]).toEqual(expected(partition));
  });

  it('is not lost or repeated where a signal comes while it is stored in part', async () => {
    const broker = new FailingBroker([[], [2]]);
    const stop = new AbortController();
    broker.onRequest = () => stop.abort();
    await expect(publish(broker, 'in.csv', stop.signal)).rejects.toMatchObject({
      code: 'PARTIALLY_PUBLISHED',
    });
    broker.onRequest = () => {};
    expect(await publish(broker, 'in.csv')).toMatchObject({ complete: true });
    for (let partition = 0; partition < PARTITIONS; partition++)
      expect(broker.stored[partition]).toEqual(expected(partition));
  });

  it('is sent again without what is stored where the broker was busy in between', async () => {
    const sent: number[] = [];
    const records: SourceRecord[] = Array.from({ length: 5 }, (_, index) => ({
      number: index + 1,
      line: String(index + 1),
      end: index + 1,
    }));
    const told: unknown[] = [];
    const publisher = new RecordPublisher(
      {
        signal: new AbortController().signal,
        pauses: [0],
        onRetry: ({ message }) => told.push(message),
        onStored: async (...stored) => void told.push(stored),
        send: async (lines) => {
          const numbers = lines.toString().trimEnd().split('\n').map(Number);
          sent.push(...numbers.slice(0, 2));
          if (numbers.length > 2)
            throw new GenRocksError('SERVER_BUSY', 'line 3: later', true, {
              details: { line: 3, acknowledged: { count: 2 } },
            });
          sent.push(...numbers.slice(2));
        },
      },
      { records: 0, bytes: 0 },
    );
    const source = (async function* () {
      yield records.slice(0, 4);
    })();
    await publisher.run({ records: source, columns: () => undefined });
    expect(sent).toEqual([1, 2, 3, 4]);
    expect(told).toEqual([
      [{ records: 2, bytes: 2 }, 2, true],
      'record 3: later',
      [{ records: 4, bytes: 4 }, 2, false],
    ]);
  });
});
