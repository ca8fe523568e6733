/** Bytes waiting to be stored, over all partitions of the service. */
export class PublishBudget {
  private held = 0;

  constructor(readonly limit: number) {}

  get bytes(): number {
    return this.held;
  }

  /** The most one partition may take, so that a stuck partition cannot starve the others. */
  get share(): number {
    return Math.floor(this.limit / 4);
  }

  hasRoom(bytes: number): boolean {
    return this.held + bytes <= this.limit;
  }

  take(bytes: number): void {
    this.held += bytes;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}
