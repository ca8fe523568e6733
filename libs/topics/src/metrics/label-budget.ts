/** The label of all names beyond the budget. */
export const OTHERS = '_others';

/**
 * Bounds the number of values of a label, whatever clients create. The first names are kept.
 *
 * @publicApi
 */
export class LabelBudget {
  private readonly known = new Set<string>();

  /** @param limit maximum number of names */
  constructor(private readonly limit: number) {}

  /** The name, or {@link OTHERS} if there are too many names. */
  label(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.limit) return OTHERS;
    this.known.add(name);
    return name;
  }

  /** Forgets all names except these. */
  retain(names: Iterable<string>): void {
    const there = new Set(names);
    for (const name of this.known) if (!there.has(name)) this.known.delete(name);
  }
}
