import type { Message } from '@genrocks/topics';
import { LabelBudget } from '@genrocks/topics/metrics';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** Most topics with series of their own, as in the metrics of topics. */
const MAX_TOPICS = 1_000;

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics of the HTTP API, in a registry shared with the metrics of topics. */
@Injectable()
export class BrokerMetrics {
  readonly registry = new Registry();
  private readonly registers = [this.registry];
  private readonly topicLabels = new LabelBudget(MAX_TOPICS);

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

  private readonly consumedMessages = new Counter({
    name: 'genrocks_messages_consumed_total',
    help: 'Messages sent to HTTP readers and event streams',
    labelNames: ['topic'],
    registers: this.registers,
  });

  private readonly consumedBytes = new Counter({
    name: 'genrocks_bytes_consumed_total',
    help: 'Bytes of keys and values sent to HTTP readers and event streams',
    labelNames: ['topic'],
    registers: this.registers,
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  countRequest(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status }, seconds);
  }

  countError(code: string): void {
    this.errors.inc({ code });
  }

  countConsumed(name: string, messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const topic = this.topicLabels.label(name);
    const bytes = messages.reduce(
      (sum, { keyBytes, valueBytes }) => sum + (keyBytes?.length ?? 0) + (valueBytes?.length ?? 0),
      0,
    );
    this.consumedMessages.inc({ topic }, messages.length);
    this.consumedBytes.inc({ topic }, bytes);
  }
}
