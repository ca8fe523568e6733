/** Calls `call` for every item, at most `limit` at a time. Results are in the order of the items. */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  call: (item: T) => R | Promise<R>,
): Promise<R[]> {
  const answers = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      answers[at] = await call(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return answers;
}
