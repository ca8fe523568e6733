interface Waiting {
  readonly bytes: number;
  grant(): void;
}

/** A budget of bytes shared by all connections. Requests that exceed it wait in a queue, so that none starves. */
export class MemoryBudget {
  private readonly waiting = new Set<Waiting>();
  private taken = 0;

  constructor(readonly limit: number) {}

  get used(): number {
    return this.taken;
  }

  /**
   * Reserves bytes and calls `granted`: at once if there is room, otherwise when there is.
   * @returns a function that cancels the wait; it does nothing once the bytes are granted
   */
  take(bytes: number, granted: () => void): () => void {
    if (this.waiting.size === 0 && this.fits(bytes)) {
      this.taken += bytes;
      granted();
      return () => {};
    }
    const waiting: Waiting = { bytes, grant: granted };
    this.waiting.add(waiting);
    return () => {
      if (this.waiting.delete(waiting)) this.admit();
    };
  }

  give(bytes: number): void {
    this.taken -= bytes;
    this.admit();
  }

  private admit(): void {
    for (const next of this.waiting) {
      if (!this.fits(next.bytes)) return;
      this.waiting.delete(next);
      this.taken += next.bytes;
      next.grant();
    }
  }

  private fits(bytes: number): boolean {
    return this.taken === 0 || this.taken + bytes <= this.limit;
  }
}
