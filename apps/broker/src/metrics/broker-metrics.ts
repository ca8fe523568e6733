import { type Message, TopicsService } from '@genrocks/topics';
import { Inject, Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { StatusMetrics } from './status-metrics.js';

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const WRITE_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

/** Everything the broker measures, in a registry of its own; `GET /metrics` prints it. */
@Injectable()
export class BrokerMetrics {
  readonly registry = new Registry();
  private readonly status = new StatusMetrics(this.registry);
  private readonly registers = [this.registry];

  private readonly requests = new Histogram({
    name: 'genrocks_http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: REQUEST_BUCKETS,
    registers: this.registers,
  });

  private readonly errors = new Counter({
    name: 'genrocks_errors_total',
    help: 'Errors answered to clients, by code',
    labelNames: ['code'],
    registers: this.registers,
  });

  private readonly handlerErrors = new Counter({
    name: 'genrocks_handler_errors_total',
    help: 'Failed tries of consumer handlers in this process',
    labelNames: ['group', 'topic'],
    registers: this.registers,
  });

  private readonly consumedMessages = new Counter({
    name: 'genrocks_messages_consumed_total',
    help: 'Messages handed to HTTP readers and event streams',
    labelNames: ['topic'],
    registers: this.registers,
  });

  private readonly consumedBytes = new Counter({
    name: 'genrocks_bytes_consumed_total',
    help: 'Bytes of keys and values handed to HTTP readers and event streams',
    labelNames: ['topic'],
    registers: this.registers,
  });

  private readonly writes = new Histogram({
    name: 'genrocks_storage_write_duration_seconds',
    help: 'Time a write to storage took until it was as durable as the adapter promises',
    buckets: WRITE_BUCKETS,
    registers: this.registers,
  });

  constructor(@Inject(TopicsService) private readonly topics: TopicsService) {
    collectDefaultMetrics({ register: this.registry });
    topics.events.on('store-event', ({ topic, partition, event }) => {
      if (event.type === 'write') this.writes.observe(event.ms / 1000);
      else this.status.onStoreEvent(topic, partition, event);
    });
    topics.events.on('handler-error', ({ group, topic }) => this.handlerErrors.inc({ group, topic }));
  }

  /** The text that Prometheus reads. */
  async scrape(): Promise<string> {
    await this.status.collect(this.topics);
    return this.registry.metrics();
  }

  countRequest(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status }, seconds);
  }

  countError(code: string): void {
    this.errors.inc({ code });
  }

  countConsumed(topic: string, messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const bytes = messages.reduce(
      (sum, { keyBytes, valueBytes }) => sum + (keyBytes?.length ?? 0) + (valueBytes?.length ?? 0),
      0,
    );
    this.consumedMessages.inc({ topic }, messages.length);
    this.consumedBytes.inc({ topic }, bytes);
  }
}
