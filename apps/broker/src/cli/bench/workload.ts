import { randomBytes } from 'node:crypto';
import { createHistogram, performance } from 'node:perf_hooks';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { type RetryOptions, withRetries } from '../client/retry.js';
import { readPages } from '../consume/page-reader.js';

export interface Workload {
  /** Bytes of a value. */
  readonly size: number;
  /** Messages per request. */
  readonly batch: number;
  /** Concurrent requests. */
  readonly publishers: number;
  /** Publishing stops after this many messages. */
  readonly messages: number;
  /** Time limit of each part. */
  readonly seconds: number;
}

export interface Throughput {
  readonly messages: number;
  readonly seconds: number;
  readonly messages_per_second: number;
  /** Bytes of the values only. */
  readonly bytes_per_second: number;
}

export interface PublishThroughput extends Throughput {
  readonly requests: number;
  /** From sending a request to its acknowledgement, in milliseconds. */
  readonly request_ms: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Publishes until the time is up or everything is published. Each publisher has one request in flight. */
export async function measurePublishing(
  client: BrokerClient,
  topic: string,
  { size, batch, publishers, messages: most, seconds }: Workload,
  retry: RetryOptions,
): Promise<PublishThroughput> {
  const bodies = new Bodies(size);
  const latency = createHistogram();
  const began = performance.now();
  let hasFailed = false;
  const isOver = () => hasFailed || retry.signal.aborted || performance.now() - began >= seconds * 1000;
  let begun = 0;
  let messages = 0;
  const publisher = async () => {
    while (begun < most && !isOver()) {
      const count = Math.min(batch, most - begun);
      begun += count;
      const body = bodies.of(count);
      const sent = performance.now();
      try {
        await withRetries(() => client.publishLines(topic, body), retry);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
      latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
      messages += count;
    }
  };
  // Wait for all, even after a failure: a request that arrived after the topic was deleted would create it again.
  const ended = await Promise.allSettled(Array.from({ length: publishers }, publisher));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  const ms = (microseconds: number) => Math.round(microseconds / 10) / 100;
  return {
    ...throughput(messages, size, began),
    requests: latency.count,
    request_ms: {
      p50: ms(latency.percentile(50)),
      p99: ms(latency.percentile(99)),
      max: latency.count === 0 ? 0 : ms(latency.max),
    },
  };
}

/** Reads all partitions from the beginning until the time is up or everything is read. */
export async function measureConsuming(
  client: BrokerClient,
  { name, partitions }: TopicJson,
  { size, seconds }: Workload,
  retry: RetryOptions,
): Promise<Throughput> {
  const signal = AbortSignal.any([retry.signal, AbortSignal.timeout(seconds * 1000)]);
  const cursors = partitions.map(({ partition, start_offset: offset, end_offset: end }) => ({
    partition,
    offset,
    end,
  }));
  const began = performance.now();
  let messages = 0;
  for await (const page of readPages(client, cursors, { ...retry, signal, topic: name, onLost: () => {} }))
    messages += page.messages.length;
  return throughput(messages, size, began);
}

function throughput(messages: number, size: number, began: number): Throughput {
  const seconds = Math.max(performance.now() - began, 1) / 1000;
  return {
    messages,
    seconds: Math.round(seconds * 1000) / 1000,
    messages_per_second: Math.round(messages / seconds),
    bytes_per_second: Math.round((messages * size) / seconds),
  };
}

/** Makes requests of the given number of messages, with values that hardly compress. */
class Bodies {
  private readonly line: string;
  private readonly made = new Map<number, Buffer>();

  constructor(size: number) {
    const text = randomBytes(size)
      .toString('base64')
      .slice(0, Math.max(0, size - 2));
    // The quotes of JSON count as two bytes of the value.
    this.line = `${JSON.stringify({ value: text })}\n`;
  }

  of(count: number): Buffer {
    let body = this.made.get(count);
    if (body === undefined) this.made.set(count, (body = Buffer.from(this.line.repeat(count))));
    return body;
  }
}
