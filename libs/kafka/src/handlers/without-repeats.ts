/**
 * Removes repeated items from a request. A request of one megabyte can name the same thing a quarter of a million
 * times, and its answer could be a thousand times as large as the request.
 */
export function withoutRepeats<T>(items: readonly T[], keyOf: (item: T) => string | number): T[] {
  const seen = new Set<string | number>();
  return items.filter((item) => seen.size < seen.add(keyOf(item)).size);
}

/** The names that occur more than once, for requests that refuse them because only one of them could win. */
export function repeatedOf(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}

interface Partitioned<P> {
  readonly partitions: readonly P[];
}

/** The same for partitions of topics. A repeated topic is kept if it names further partitions. */
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
