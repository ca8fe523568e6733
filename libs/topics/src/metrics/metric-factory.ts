import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Creates metrics in a registry, with a common prefix. `collect` refreshes those that are read at a scrape. */
export class MetricFactory {
  private readonly registers: Registry[];

  constructor(
    registry: Registry,
    private readonly prefix: string,
    private readonly collect: () => Promise<void>,
  ) {
    this.registers = [registry];
  }

  /** A gauge that is read at every scrape. */
  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge<L>({ ...this.options(name, help, labelNames), collect: this.collect });
  }

  /** A gauge that events set. */
  state<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge<L>(this.options(name, help, labelNames));
  }

  /** A counter that is read at every scrape; its source does the counting. */
  total<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter<L>({ ...this.options(name, help, labelNames), collect: this.collect });
  }

  /** A counter that events increment. */
  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter<L>(this.options(name, help, labelNames));
  }

  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram<L>({ ...this.options(name, help, labelNames), buckets: [...buckets] });
  }

  private options<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    return {
      name: `${this.prefix}${name}`,
      help,
      labelNames: [...labelNames],
      registers: this.registers,
    };
  }
}
