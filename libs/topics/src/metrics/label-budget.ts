/** What names beyond the budget are counted under. */
export const OTHERS = '_others';

/**
 * Bounds how many values a label can have, whatever clients create: the first ones keep their names.
 *
 * @publicApi
 */
export class LabelBudget {
  private readonly known = new Set<string>();

  /** @param limit names that are kept */
  constructor(private readonly limit: number) {}

  /** The name, or {@link OTHERS} where there are too many. */
  label(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.limit) return OTHERS;
    this.known.add(name);
    return name;
  }

  /** Forgets what is not there any more. */
  retain(names: Iterable<string>): void {
    const there = new Set(names);
    for (const name of this.known) if (!there.has(name)) this.known.delete(name);
  }
}
