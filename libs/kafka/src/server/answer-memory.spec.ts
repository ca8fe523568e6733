import { Module } from '@nestjs/common';
import {
  type OpenStoreOptions,
  type PartitionStore,
  type ScanOptions,
  StorageAdapter,
  StorageIoError,
  type StoreEntry,
} from '@genrocks/storage';
import { MemoryAdapter } from '@genrocks/topics/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import { fetch } from '../protocol/apis/fetch.js';
import { Reader } from '../protocol/wire/reader.js';
import type { KafkaOptions } from '../options.js';

/** Reads into the given memory, as a disk would. A test can delay a read after its memory is filled, or fail it. */
class LendingAdapter extends MemoryAdapter {
  onRead: (partition: number) => unknown = () => {};
  readonly read: number[] = [];

  override async open(topic: string, partition: number, options?: OpenStoreOptions): Promise<PartitionStore> {
    const store = await super.open(topic, partition, options);
    const scanPages = store.scanPages.bind(store);
    store.scanPages = (scan) =>
      scan?.allocate ? this.lent(scanPages(scan), scan, partition) : scanPages(scan);
    return store;
  }

  private async *lent(
    pages: AsyncIterable<StoreEntry[]>,
    { allocate }: ScanOptions,
    partition: number,
  ): AsyncGenerator<StoreEntry[]> {
    for await (const page of pages) {
      this.read.push(partition);
      const entries = page.map(({ key, value }) => {
        const lent = allocate!(value.length);
        value.copy(lent);
        return { key, value: lent };
      });
      await this.onRead(partition);
      yield entries;
    }
  }
}

@Module({})
class Memory {}

const PARTITIONS = 4;
/** Three of these exceed the socket buffers on both sides of a peer that does not read. */
const LARGE = 2_000_000;

describe('the memory of answers', () => {
  let adapter: LendingAdapter;
  let embedded: Embedded;
  const clients: RawClient[] = [];

  const start = async (options: KafkaOptions = {}, bytes = 200_000) => {
    adapter = new LendingAdapter();
    const storage = {
      module: Memory,
      providers: [{ provide: StorageAdapter, useValue: adapter }],
      exports: [StorageAdapter],
    };
    embedded = await embed(options, {
      storage,
      topics: [{ name: 't', partitions: PARTITIONS }],
      tailCacheBytes: 0,
      maxMessageBytes: 2 * LARGE,
      maxBatchBytes: 2 * LARGE,
    });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (let i = 0; i < 3; i++) {
        await embedded.topics.publish('t', { value: letter(partition).repeat(bytes), partition });
      }
    }
  };
  const connect = async () => {
    const client = await RawClient.connect(embedded.port);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await embedded.app.close();
  });

  const letter = (partition: number) => 'abcd'[partition]!;
  const wanting = (partitions: readonly number[], limits: { maxBytes?: number; minBytes?: number } = {}) => ({
    maxWaitMs: 60_000,
    minBytes: limits.minBytes ?? 1,
    maxBytes: 50_000_000,
    topics: [
      {
        name: 't',
        partitions: partitions.map((index) => ({
          index,
          fetchOffset: 0,
          maxBytes: limits.maxBytes ?? 50_000_000,
        })),
      },
    ],
  });
  const answerBytes = () => embedded.listener.status().answerBytes;
  /** Counts the records, each of which repeats the letter of its partition. */
  const check = (records: Buffer | null, partition: number, bytes = 200_000) => {
    const value = Buffer.from(letter(partition).repeat(bytes));
    let count = 0;
    for (let at = records!.indexOf(value); at >= 0; at = records!.indexOf(value, at + bytes)) count++;
    expect(count).toBeGreaterThan(0);
    return count;
  };
  const fetchFrom = async (client: RawClient, partition: number, maxBytes?: number) => {
    const limits = maxBytes === undefined ? {} : { maxBytes };
    const answer = await client.call(fetch, 12, wanting([partition], limits));
    return answer.topics[0]!.partitions[0]!;
  };

  it('belongs to a reader until it has read the answer, however slowly', async () => {
    await start({ maxFetchBytes: 64 * 1024 * 1024 }, LARGE);
    const slow = await connect();
    slow.socket.pause();
    const answer = slow.frame();
    slow.socket.write(encodeRequest(fetch, 12, 1, wanting([0])));
    await expect.poll(answerBytes).toBeGreaterThan(3 * LARGE);
    const held = answerBytes();
    const others = await Promise.all([connect(), connect()]);
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        others.map(async (client, i) => check((await fetchFrom(client, 1 + i, LARGE)).records, 1 + i, LARGE)),
      );
    }
    await expect.poll(answerBytes).toBe(held);
    slow.socket.resume();
    const reader = new Reader(await answer);
    reader.int32();
    reader.skipTags();
    const { topics } = fetch.responseCodec(12).decode(reader);
    expect(check(topics[0]!.partitions[0]!.records, 0, LARGE)).toBe(3);
    await expect.poll(answerBytes).toBe(0);
  });

  it('is released when a client disconnects with its answer half read', async () => {
    await start({ maxFetchBytes: 64 * 1024 * 1024 }, LARGE);
    const gone = await connect();
    gone.socket.pause();
    gone.socket.write(encodeRequest(fetch, 12, 1, wanting([0])));
    await expect.poll(answerBytes).toBeGreaterThan(3 * LARGE);
    gone.end();
    await expect.poll(answerBytes).toBe(0);
    check((await fetchFrom(await connect(), 2)).records, 2, LARGE);
  });

  it('is released when a client disconnects while its answer is being built', async () => {
    await start();
    let goOn = () => {};
    adapter.onRead = () => new Promise<void>((resolve) => (goOn = resolve));
    const gone = await connect();
    gone.socket.write(encodeRequest(fetch, 12, 1, wanting([0], { maxBytes: 1 })));
    await expect.poll(answerBytes).toBeGreaterThan(0);
    gone.end();
    await expect.poll(() => embedded.listener.status().connections).toBe(0);
    expect(answerBytes()).toBeGreaterThan(0);
    goOn();
    await expect.poll(answerBytes).toBe(0);
  });

  it('is released when a read fails', async () => {
    await start();
    const client = await connect();
    adapter.onRead = () => {
      throw new StorageIoError('the disk is gone');
    };
    expect(await fetchFrom(client, 0)).toMatchObject({ errorCode: 56, records: Buffer.alloc(0) });
    await expect.poll(answerBytes).toBe(0);
    adapter.onRead = () => {};
    check((await fetchFrom(client, 1)).records, 1);
  });

  it('is not held while a poll waits for data', async () => {
    await start({}, 1_000);
    const client = await connect();
    const answer = client.call(fetch, 12, wanting([3], { minBytes: 6_000 }));
    await expect.poll(() => adapter.read.length).toBeGreaterThan(0);
    await expect.poll(answerBytes).toBe(0);
    await embedded.topics.publish('t', { value: letter(3).repeat(5_000), partition: 3 });
    expect(check((await answer).topics[0]!.partitions[0]!.records, 3, 1_000)).toBe(8);
  });

  it('is not used for partitions that do not fit into the answer', async () => {
    await start({ maxFetchBytes: 450_000 });
    const answer = await (await connect()).call(fetch, 12, wanting([0, 1, 2, 3]));
    const [first, ...others] = answer.topics[0]!.partitions;
    expect(check(first!.records, 0)).toBe(2);
    for (const other of others) {
      expect(other).toMatchObject({ errorCode: 0, highWatermark: 3, records: Buffer.alloc(0) });
    }
    // The second partition had to be read to see that it does not fit.
    expect(new Set(adapter.read)).toEqual(new Set([0, 1]));
    const far = wanting([0, 1, 2, 3]);
    far.topics[0]!.partitions[3]!.fetchOffset = 99;
    const { topics } = await (await connect()).call(fetch, 12, far);
    expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0, 1]);
  });

  it('a poll does not wait for more bytes than its partition limit allows', async () => {
    await start();
    const answer = await (
      await connect()
    ).call(fetch, 12, wanting([2], { maxBytes: 450_000, minBytes: 500_000 }));
    expect(check(answer.topics[0]!.partitions[0]!.records, 2)).toBe(2);
  });
});
