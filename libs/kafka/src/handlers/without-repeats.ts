/**
 * A request of a megabyte can name one thing a quarter of a million times, and an answer be a thousand times as large. So
 * what is named again is left out of the request, as if it had been named once.
 */
export function withoutRepeats<T>(items: readonly T[], keyOf: (item: T) => string | number): T[] {
  const seen = new Set<string | number>();
  return items.filter((item) => seen.size < seen.add(keyOf(item)).size);
}

/** Names that stand more than once, for requests whose order would decide which one counts: they are refused. */
export function repeatedOf(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}

interface Partitioned<P> {
  readonly partitions: readonly P[];
}

/** The same for the partitions of topics: a topic that is named again stays where it names others than before. */
export function withoutRepeatedPartitions<P, T extends Partitioned<P>>(
  topics: readonly T[],
  topicOf: (topic: T) => string,
  indexOf: (partition: P) => number,
): T[] {
  const seen = new Map<string, Set<number>>();
  return topics.flatMap((topic) => {
    const key = topicOf(topic);
    const known = seen.get(key);
    const indexes = known ?? new Set<number>();
    seen.set(key, indexes);
    const partitions = topic.partitions.filter((one) => indexes.size < indexes.add(indexOf(one)).size);
    return known !== undefined && partitions.length === 0 ? [] : [{ ...topic, partitions }];
  });
}
