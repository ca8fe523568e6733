/** More than this at a time gains nothing and costs descriptors. */
const AT_ONCE = 32;

/** Runs an action for every item, several at a time; the results are in the order of the items. */
export async function inParallel<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(action))));
  }
  return results;
}
