import { patientTimeout } from '../../patient-timeout.js';

/** Member ids that were given out and have not joined yet. Each expires after the session timeout. */
export class PendingIds {
  /** Each id with the function that cancels its expiry. */
  private readonly ids = new Map<string, () => void>();

  /** @param onGone called when an id has expired */
  constructor(private readonly onGone: () => void) {}

  get size(): number {
    return this.ids.size;
  }

  has(memberId: string): boolean {
    return this.ids.has(memberId);
  }

  add(memberId: string, timeoutMs: number): void {
    const cancel = patientTimeout(timeoutMs, () => {
      this.ids.delete(memberId);
      this.onGone();
    });
    this.ids.set(memberId, cancel);
  }

  /** Removes an id; false if it was not there. */
  remove(memberId: string): boolean {
    this.ids.get(memberId)?.();
    return this.ids.delete(memberId);
  }

  clear(): void {
    for (const cancel of this.ids.values()) cancel();
    this.ids.clear();
  }
}
