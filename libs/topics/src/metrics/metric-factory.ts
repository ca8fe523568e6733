import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Makes metrics of one registry, under one prefix; what is looked up at a scrape is refreshed by `collect`. */
export class MetricFactory {
  private readonly registers: Registry[];

  constructor(
    registry: Registry,
    private readonly prefix: string,
    private readonly collect: () => Promise<void>,
  ) {
    this.registers = [registry];
  }

  /** A gauge looked up at every scrape. */
  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge<L>({ ...this.options(name, help, labelNames), collect: this.collect });
  }

  /** A gauge of what happens. */
  state<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge<L>(this.options(name, help, labelNames));
  }

  /** A counter looked up at every scrape: the thing itself counts. */
  total<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter<L>({ ...this.options(name, help, labelNames), collect: this.collect });
  }

  /** A counter of what happens. */
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
