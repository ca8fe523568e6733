/** What one round of one cell measured. */
export interface Sample {
  /** Messages acknowledged a second. */
  readonly perSecond: number;
  /** Time from the call to its acknowledgement, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** One line of the results: a way to publish, measured in several rounds. */
export interface Cell {
  readonly section: string;
  readonly name: string;
  readonly publishers: number;
  readonly bytes: number;
  /** Publishes for so many milliseconds. */
  run(ms: number): Promise<Sample>;
}

export interface Result extends Omit<Cell, 'run'> {
  readonly perSecond: number;
  readonly slowest: number;
  readonly fastest: number;
  readonly p50: number;
  readonly p99: number;
  readonly rounds: number;
}

/**
 * Closed loop: every publisher waits for its acknowledgement before it publishes again.
 * @param publish resolves when acknowledged; `messages` of them each time
 */
export async function closedLoop(
  publishers: number,
  ms: number,
  messages: number,
  publish: (publisher: number) => Promise<unknown>,
): Promise<Sample> {
  const latencies: number[] = [];
  const began = performance.now();
  const end = began + ms;
  const publisher = async (index: number) => {
    for (let at = performance.now(); at < end;) {
      await publish(index);
      const now = performance.now();
      latencies.push(now - at);
      at = now;
    }
  };
  await Promise.all(Array.from({ length: publishers }, (_, index) => publisher(index)));
  const seconds = (performance.now() - began) / 1000;
  return toSample(latencies, messages, seconds);
}

export function toSample(latencies: number[], messages: number, seconds: number): Sample {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { perSecond: (latencies.length * messages) / seconds, p50: at(0.5), p99: at(0.99) };
}

/** Rounds go over all cells, in turning order, so that a slow minute of the machine does not hit one cell alone. */
export async function measureAll(
  cells: readonly Cell[],
  rounds: number,
  ms: number,
  onRound: (round: number) => void,
): Promise<Result[]> {
  const samples = cells.map((): Sample[] => []);
  for (const cell of cells) await cell.run(Math.min(ms, 200));
  for (let round = 0; round < rounds; round++) {
    onRound(round);
    for (let i = 0; i < cells.length; i++) {
      const index = (i + round * 7) % cells.length;
      samples[index]!.push(await cells[index]!.run(ms));
    }
  }
  return cells.map((cell, i) => summarise(cell, samples[i]!));
}

function summarise({ section, name, publishers, bytes }: Cell, samples: readonly Sample[]): Result {
  const median = (field: keyof Sample) =>
    samples.map((sample) => sample[field]).sort((a, b) => a - b)[Math.floor(samples.length / 2)]!;
  const speeds = samples.map(({ perSecond }) => perSecond);
  return {
    section,
    name,
    publishers,
    bytes,
    perSecond: median('perSecond'),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    p50: median('p50'),
    p99: median('p99'),
    rounds: samples.length,
  };
}
