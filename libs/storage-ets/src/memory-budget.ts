import { NoSpaceError } from '@genrocks/storage';
import { formatSize } from '@genrocks/storage/config';

/** Counts bytes against a limit, and against that of its parent: those of a table also count for its adapter. */
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

  /** True if there is any limit. Without one, a batch need not be added up beforehand. */
  get limited(): boolean {
    return this.limit !== Infinity || (this.parent?.limited ?? false);
  }

  /**
   * Checks that growing by so many bytes is allowed. Shrinking always is.
   * @throws `NO_SPACE` if a limit would be exceeded
   */
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
