import { isGenRocksError } from '@genrocks/storage';
import type { Counter, Histogram } from 'prom-client';
import { whenHandled } from '../instrumentation.js';
import type { TopicsService } from '../topics.service.js';
import type { LabelBudget } from './label-budget.js';
import type { MetricFactory } from './metric-factory.js';

const WRITE_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];
const HANDLER_BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

interface GroupTopic {
  readonly group: string;
  readonly topic: string;
}

/** The metrics of a group in a topic, cached: looking them up by label costs more than a fast handler. */
interface HandlerMetrics {
  readonly duration: Histogram.Internal<'group' | 'topic'>;
  readonly handled: Counter.Internal;
  readonly failed: Counter.Internal;
}

/** Metrics of publish calls, handler calls and the service's events. */
export class EventMetrics {
  private readonly publishing: Histogram;
  private readonly publishErrors: Counter<'code'>;
  private readonly handling: Histogram<'group' | 'topic'>;
  private readonly consumed: Counter<'group' | 'topic' | 'result'>;
  /** Bounded by the label budgets. */
  private readonly perGroup = new Map<string, HandlerMetrics>();

  constructor(
    private readonly metrics: MetricFactory,
    private readonly topicLabels: LabelBudget,
    private readonly groupLabels: LabelBudget,
  ) {
    this.publishing = metrics.histogram(
      'publish_duration_seconds',
      'Time from a call of publish or publishBatch until its messages were stored, waiting for room included',
      WRITE_BUCKETS,
    );
    this.publishErrors = metrics.counter(
      'publish_errors_total',
      'Failed calls of publish or publishBatch, by error code; BACKPRESSURE: too much was waiting',
      ['code'],
    );
    this.handling = metrics.histogram(
      'handler_duration_seconds',
      'Duration of handler calls, failed tries included',
      HANDLER_BUCKETS,
      ['group', 'topic'],
    );
    this.consumed = metrics.counter(
      'messages_handled_total',
      'Messages passed to handlers: result ok, or error for a failed try',
      ['group', 'topic', 'result'],
    );
  }

  /** Starts counting. */
  watch(topics: TopicsService): void {
    topics.instrument({
      publish: async (_topic, messages, run) => {
        const end = this.publishing.startTimer();
        try {
          const result = await run(messages);
          end();
          return result;
        } catch (error) {
          this.publishErrors.inc({ code: isGenRocksError(error) ? error.code : 'OTHER' });
          throw error;
        }
      },
      handle: ({ messages, context }, run) => {
        const { duration, handled, failed } = this.of(context);
        const began = performance.now();
        const ended = (ok: boolean) => {
          duration.observe((performance.now() - began) / 1000);
          (ok ? handled : failed).inc(messages.length);
        };
        return whenHandled(run, ended);
      },
    });
    this.countConsumers(topics);
    this.countStorage(topics);
  }

  private of(context: GroupTopic): HandlerMetrics {
    const labels = this.labels(context);
    const id = `${labels.group}\0${labels.topic}`;
    let own = this.perGroup.get(id);
    if (own === undefined) {
      own = {
        duration: this.handling.labels(labels),
        handled: this.consumed.labels({ ...labels, result: 'ok' }),
        failed: this.consumed.labels({ ...labels, result: 'error' }),
      };
      this.perGroup.set(id, own);
    }
    return own;
  }

  private labels({ group, topic }: GroupTopic): { group: string; topic: string } {
    return { group: this.groupLabels.label(group), topic: this.topicLabels.label(topic) };
  }

  private countConsumers({ events }: TopicsService): void {
    const of = (name: string, help: string) => this.metrics.counter(name, help, ['group', 'topic']);
    const errors = of('handler_errors_total', 'Failed tries of consumer handlers in this process');
    const retries = of('handler_retries_total', 'Failed tries that are retried');
    const deadLetters = of('dead_letters_total', 'Messages moved to a dead-letter topic');
    const dropped = of('messages_dropped_total', 'Messages given up without a dead-letter topic');
    const trouble = of(
      'consumer_errors_total',
      'Failed reads, commits and dead-letter writes of groups, which are repeated',
    );
    const lost = of('retention_lost_messages_total', 'Offsets dropped by retention before a group read them');
    events.on('handler-error', (event) => {
      errors.inc(this.labels(event));
      if (event.retryInMs !== null) retries.inc(this.labels(event));
    });
    const timeouts = of('handler_timeouts_total', 'Handler calls that took longer than handlerTimeoutMs');
    events.on('handler-timeout', (event) => timeouts.inc(this.labels(event)));
    events.on('dead-letter', (event) => deadLetters.inc(this.labels(event)));
    events.on('message-dropped', (event) => dropped.inc(this.labels(event)));
    events.on('consumer-error', (event) => trouble.inc(this.labels(event)));
    events.on('retention-lost', (event) => lost.inc(this.labels(event), event.to - event.from));
    const rebalances = this.metrics.counter('group_rebalances_total', 'Rebalances of groups', ['group']);
    events.on('rebalance', ({ group }) => rebalances.inc({ group: this.groupLabels.label(group) }));
    const expelled = this.metrics.counter(
      'group_members_expelled_total',
      'Members of this process expelled from their group: they did not let go in time, or a handler hung',
      ['group'],
    );
    events.on('member-expelled', ({ group }) => expelled.inc({ group: this.groupLabels.label(group) }));
  }

  private countStorage({ events }: TopicsService): void {
    const writes = this.metrics.histogram(
      'storage_write_duration_seconds',
      'Time a write to storage took until it was as durable as the adapter promises',
      WRITE_BUCKETS,
    );
    const errors = this.metrics.counter(
      'storage_write_errors_total',
      'Failed writes to storage, by error code, whoever published the messages',
      ['adapter', 'code'],
    );
    events.on('write-failed', ({ adapter, code }) => errors.inc({ adapter, code }));
    const full = this.metrics.state(
      'storage_full',
      'Whether an adapter refuses writes because it is full: 1 or 0',
      ['adapter'],
    );
    events.on('storage-full', ({ adapter }) => full.set({ adapter }, 1));
    events.on('storage-has-room', ({ adapter }) => full.set({ adapter }, 0));
    const of = (name: string, help: string) => this.metrics.counter(name, help, ['topic']);
    const lost = of('storage_lost_items_total', 'Entries dropped by retention since the start');
    const damaged = of('storage_damaged_ranges_total', 'Damaged ranges found while reading');
    const failed = of('storage_failures_total', 'Failures after which a store takes no more writes');
    const recovered = of('storage_recoveries_total', 'Recoveries of stores that had not been closed');
    events.on('store-event', ({ topic: name, event }) => {
      if (event.type === 'write') return writes.observe(event.ms / 1000);
      const topic = this.topicLabels.label(name);
      if (event.type === 'evicted') lost.inc({ topic }, event.items);
      else if (event.type === 'damaged') damaged.inc({ topic });
      else if (event.type === 'failed') failed.inc({ topic });
      else if (event.type === 'recovered') recovered.inc({ topic });
    });
  }
}
