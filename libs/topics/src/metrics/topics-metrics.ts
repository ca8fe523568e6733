import { InvalidConfigError } from '@genrocks/storage';
import { type Registry, register } from 'prom-client';
import type { TopicsService } from '../topics.service.js';
import { EventMetrics } from './event-metrics.js';
import { LabelBudget } from './label-budget.js';
import { MetricFactory } from './metric-factory.js';
import { StatusMetrics } from './status-metrics.js';

/** Which metrics there are, and where. */
export interface TopicsMetricsOptions {
  /** Where the metrics are registered. Default: prom-client's global registry. */
  registry?: Registry;
  /** What their names begin with. Default `genrocks_`. */
  prefix?: string;
  /** Topics that have series of their own; more are summed up under `_others`. Default 1,000. */
  maxTopics?: number;
  /** Groups that have series of their own; more are summed up under `_others`. Default 1,000. */
  maxGroups?: number;
  /** With more partitions than this, their gauges are summed up by topic (`partition="all"`). Default 2,000. */
  maxPartitions?: number;
}

/**
 * Metrics of topics and groups for Prometheus. Most are looked up at a scrape, and cost nothing between two; publishing
 * and handlers are timed.
 *
 * @publicApi
 */
export class TopicsMetrics {
  /** Where the metrics are registered. */
  readonly registry: Registry;
  private readonly status: StatusMetrics;
  private refreshing: Promise<void> | undefined;

  /** @throws `INVALID_CONFIG` */
  constructor(
    private readonly topics: TopicsService,
    options: TopicsMetricsOptions = {},
  ) {
    const { registry = register, prefix = 'genrocks_' } = options;
    const { maxTopics = 1_000, maxGroups = 1_000, maxPartitions = 2_000 } = options;
    for (const [name, value] of Object.entries({ maxTopics, maxGroups, maxPartitions })) {
      if (Number.isInteger(value) && value >= 0) continue;
      throw new InvalidConfigError([
        `TopicsMetrics: ${name}: ${JSON.stringify(value)} is not allowed; a whole number from 0`,
      ]);
    }
    this.registry = registry;
    const labels = () => [new LabelBudget(maxTopics), new LabelBudget(maxGroups)] as const;
    const factory = new MetricFactory(registry, prefix, () => this.refresh());
    this.status = new StatusMetrics(factory, ...labels(), maxPartitions);
    new EventMetrics(factory, ...labels()).watch(topics);
  }

  /** The metrics as text, as Prometheus reads it. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Every metric asks for this at a scrape; all of one scrape share it. */
  private refresh(): Promise<void> {
    return (this.refreshing ??= this.status.refresh(this.topics).finally(() => {
      this.refreshing = undefined;
    }));
  }
}
