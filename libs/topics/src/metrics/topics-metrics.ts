import { InvalidConfigError } from '@genrocks/storage';
import { type Registry, register } from 'prom-client';
import type { TopicsService } from '../topics.service.js';
import { EventMetrics } from './event-metrics.js';
import { LabelBudget } from './label-budget.js';
import { MetricFactory } from './metric-factory.js';
import { StatusMetrics } from './status-metrics.js';

/** Options of {@link TopicsMetrics}. */
export interface TopicsMetricsOptions {
  /** The registry of the metrics. Default: prom-client's global registry. */
  registry?: Registry;
  /** The prefix of their names. Default `genrocks_`. */
  prefix?: string;
  /** Maximum number of topics with their own series; others are summed under `_others`. Default 1,000. */
  maxTopics?: number;
  /** Maximum number of groups with their own series; others are summed under `_others`. Default 1,000. */
  maxGroups?: number;
  /** With more partitions than this, their gauges are summed by topic (`partition="all"`). Default 2,000. */
  maxPartitions?: number;
}

/**
 * Prometheus metrics of topics and groups. Most are read at a scrape and cost nothing in between; publish and handler calls
 * are timed.
 *
 * @publicApi
 */
export class TopicsMetrics {
  /** The registry of the metrics. */
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

  /** The metrics in the Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Called by each metric at a scrape; all metrics of a scrape share one refresh. */
  private refresh(): Promise<void> {
    return (this.refreshing ??= this.status.refresh(this.topics).finally(() => {
      this.refreshing = undefined;
    }));
  }
}
