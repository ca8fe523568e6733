import { NoSpaceError } from '@genrocks/storage';
import { formatSize } from '@genrocks/storage/config';

/** Counts bytes taken against a limit; a table counts against its own and its adapter's. */
export class MemoryBudget {
  private taken = 0;

  constructor(
    private readonly what: string,
    public limit: number = Infinity,
    private readonly parent?: MemoryBudget,
  ) {}

  get used(): number {
    return this.taken;
  }

  /** Is there a limit to respect at all? Where there is none, nobody needs to add up a batch beforehand. */
  get limited(): boolean {
    return this.limit !== Infinity || (this.parent?.limited ?? false);
  }

  /** Throws `NO_SPACE` where growing would pass a limit. What shrinks or stays is always allowed. */
  check(growth: number): void {
    if (growth <= 0) return;
    if (this.taken + growth > this.limit) {
      throw new NoSpaceError(`${this.what} (maxBytes: ${formatSize(this.limit)})`);
    }
    this.parent?.check(growth);
  }

  add(growth: number): void {
    this.taken += growth;
    this.parent?.add(growth);
  }
}
