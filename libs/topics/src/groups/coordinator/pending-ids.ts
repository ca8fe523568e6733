import { patientTimeout } from '../../patient-timeout.js';

/** Member ids that were given out and have not joined yet; each is forgotten after a session's time. */
export class PendingIds {
  /** Each with what cancels its end. */
  private readonly ids = new Map<string, () => void>();

  /** @param onGone told when an id was forgotten by time */
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

  /** Was it there? */
  remove(memberId: string): boolean {
    this.ids.get(memberId)?.();
    return this.ids.delete(memberId);
  }

  clear(): void {
    for (const cancel of this.ids.values()) cancel();
    this.ids.clear();
  }
}
