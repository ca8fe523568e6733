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
  /** False where a signal has ended it. */
  readonly complete: boolean;
}

/** What one request may hold, in bytes. */
const MAX_REQUEST_BYTES = 64 << 20;

/** `genrocks bench`: how much a broker, or a directory, takes and gives. */
@Command({
  name: 'bench',
  description:
    'Measure publishing and consuming: fills a topic of its own for some seconds, reads it, and deletes it',
})
export class BenchCommand extends BrokerCommand<Options> {
  protected override readonly mayCreateLogDir = true;

  @Option({ flags: '-s, --seconds <seconds>', description: 'how long each part takes at most (default 5)' })
  parseSeconds(text: string): number {
    return wholeNumber('--seconds', text, 1);
  }

  @Option({
    flags: '-n, --messages <count>',
    description: 'publish so many at most (default: what time allows)',
  })
  parseMessages(text: string): number {
    return wholeNumber('--messages', text, 1);
  }

  @Option({ flags: '--size <bytes>', description: 'bytes of a message (default 1024)' })
  parseSize(text: string): number {
    return wholeNumber('--size', text, 2);
  }

  @Option({ flags: '--batch <count>', description: 'messages of a request (default 100)' })
  parseBatch(text: string): number {
    return wholeNumber('--batch', text, 1);
  }

  @Option({ flags: '--publishers <count>', description: 'requests under way at once (default 8)' })
  parsePublishers(text: string): number {
    return wholeNumber('--publishers', text, 1);
  }

  @Option({ flags: '-p, --partitions <count>', description: 'of the topic (default 1)' })
  parsePartitions(text: string): number {
    return wholeNumber('--partitions', text, 1);
  }

  @Option({ flags: '--adapter <name>', description: 'where it is stored: disk_log, ets, rocksdb' })
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
        `--batch: ${batch} messages of ${size} bytes are more than a request holds (${MAX_REQUEST_BYTES} bytes)`,
      );
    const workload = { seconds, messages, size, batch, publishers };
    const name = `genrocks-bench-${randomBytes(4).toString('hex')}`;
    const { terminal } = this;
    const signal = terminal.signal();
    const onRetry: RetryOptions['onRetry'] = ({ code, message }, pause) =>
      terminal.note(`${code}: ${message}; trying again in ${pause} ms`);
    const storage = options.adapter === undefined ? {} : { storage: { adapter: options.adapter } };
    const topic = await client.createTopic({ name, partitions, ...storage });
    try {
      terminal.note(
        `publishes messages of ${size} bytes for up to ${seconds} s into the topic ${name}, reads them and deletes ` +
          'it; what else the broker has to do is slower meanwhile',
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
      `${batch} a request, ${publishers} request(s) at once`,
    '',
    table(
      ['', 'messages', 'seconds', 'messages/s', 'MB/s'],
      [row('publish', publish), row('consume', consume)],
    ),
    '',
    `a request was acknowledged within ${p50} ms (half of ${publish.requests}), ${p99} ms (99%), ${max} ms (all)`,
  ].join('\n');
}
