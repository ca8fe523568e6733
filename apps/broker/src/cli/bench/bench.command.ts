import { randomBytes } from 'node:crypto';
import { InvalidArgumentError } from '@genrocks/storage';
import { Command, Option } from 'nest-commander';
import { BrokerCommand, type BrokerOptions, wholeNumber } from '../broker-command.js';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import type { RetryOptions } from '../client/retry.js';
import { EXIT } from '../exit-codes.js';
import { type Output, table } from '../output.js';
import { measureConsuming, measurePublishing, type PublishThroughput, type Throughput } from './workload.js';

interface Options extends BrokerOptions {
  seconds?: number;
  messages?: number;
  size?: number;
  batch?: number;
  publishers?: number;
  partitions?: number;
  adapter?: string;
}

export interface BenchReport {
  readonly topic: string;
  readonly adapter: string;
  readonly durable: boolean;
  readonly partitions: number;
  readonly size: number;
  readonly batch: number;
  readonly publishers: number;
  readonly publish: PublishThroughput;
  readonly consume: Throughput;
  /** False if a signal ended it. */
  readonly complete: boolean;
}

/** Largest request, in bytes. */
const MAX_REQUEST_BYTES = 64 << 20;

/** `genrocks bench`: measures how fast a broker, or a directory, stores and returns messages. */
@Command({
  name: 'bench',
  description:
    'Measure publishing and consuming: fill a temporary topic for some seconds, read it, delete it',
})
export class BenchCommand extends BrokerCommand<Options> {
  protected override readonly mayCreateLogDir = true;

  @Option({ flags: '-s, --seconds <seconds>', description: 'time limit of each part (default 5)' })
  parseSeconds(text: string): number {
    return wholeNumber('--seconds', text, 1);
  }

  @Option({
    flags: '-n, --messages <count>',
    description: 'messages to publish at most (default: limited by time only)',
  })
  parseMessages(text: string): number {
    return wholeNumber('--messages', text, 1);
  }

  @Option({ flags: '--size <bytes>', description: 'bytes of a message (default 1024)' })
  parseSize(text: string): number {
    return wholeNumber('--size', text, 2);
  }

  @Option({ flags: '--batch <count>', description: 'messages per request (default 100)' })
  parseBatch(text: string): number {
    return wholeNumber('--batch', text, 1);
  }

  @Option({ flags: '--publishers <count>', description: 'concurrent requests (default 8)' })
  parsePublishers(text: string): number {
    return wholeNumber('--publishers', text, 1);
  }

  @Option({ flags: '-p, --partitions <count>', description: 'partitions of the topic (default 1)' })
  parsePartitions(text: string): number {
    return wholeNumber('--partitions', text, 1);
  }

  @Option({ flags: '--adapter <name>', description: 'storage of the topic: disk_log, ets, rocksdb' })
  parseAdapter(name: string): string {
    return name;
  }

  protected async work(
    client: BrokerClient,
    _args: readonly string[],
    options: Options,
    out: Output,
  ): Promise<number> {
    const {
      seconds = 5,
      messages = Infinity,
      size = 1024,
      batch = 100,
      publishers = 8,
      partitions = 1,
    } = options;
    if (batch * size > MAX_REQUEST_BYTES)
      throw new InvalidArgumentError(
        `--batch: ${batch} messages of ${size} bytes do not fit into a request (${MAX_REQUEST_BYTES} bytes)`,
      );
    const workload = { seconds, messages, size, batch, publishers };
    const name = `genrocks-bench-${randomBytes(4).toString('hex')}`;
    const { terminal } = this;
    const signal = terminal.signal();
    const onRetry: RetryOptions['onRetry'] = ({ code, message }, pause) =>
      terminal.note(`${code}: ${message}; retrying in ${pause} ms`);
    const storage = options.adapter === undefined ? {} : { storage: { adapter: options.adapter } };
    const topic = await client.createTopic({ name, partitions, ...storage });
    try {
      terminal.note(
        `publishing messages of ${size} bytes for up to ${seconds} s to the topic ${name}, then reading and deleting ` +
          'it; other work of the broker is slower meanwhile',
      );
      const publish = await measurePublishing(client, name, workload, { signal, onRetry });
      const consume = await measureConsuming(client, await client.topic(name), workload, { signal, onRetry });
      const report = reportOf(topic, {
        size,
        batch,
        publishers,
        publish,
        consume,
        complete: !signal.aborted,
      });
      await out.line(options.json === true ? JSON.stringify(report) : describe(report));
      return report.complete ? EXIT.ok : EXIT.interrupted;
    } finally {
      await client.deleteTopic(name);
    }
  }
}

type Measured = Pick<BenchReport, 'size' | 'batch' | 'publishers' | 'publish' | 'consume' | 'complete'>;

function reportOf({ name, adapter, durable, partition_count }: TopicJson, measured: Measured): BenchReport {
  return { topic: name, adapter, durable, partitions: partition_count, ...measured };
}

function describe({
  adapter,
  durable,
  partitions,
  size,
  batch,
  publishers,
  publish,
  consume,
}: BenchReport): string {
  const row = (part: string, { messages, seconds, messages_per_second, bytes_per_second }: Throughput) => [
    part,
    messages,
    seconds,
    messages_per_second,
    (bytes_per_second / 1e6).toFixed(1),
  ];
  const { p50, p99, max } = publish.request_ms;
  return [
    `${partitions} partition(s) on ${adapter}${durable ? '' : ' (not durable)'}, messages of ${size} bytes, ` +
      `${batch} per request, ${publishers} concurrent request(s)`,
    '',
    table(
      ['', 'messages', 'seconds', 'messages/s', 'MB/s'],
      [row('publish', publish), row('consume', consume)],
    ),
    '',
    `acknowledgement of ${publish.requests} request(s): ${p50} ms (p50), ${p99} ms (p99), ${max} ms (max)`,
  ].join('\n');
}
