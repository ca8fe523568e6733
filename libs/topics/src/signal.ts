/** Wakes one waiting loop. A notification before the wait ends the next wait at once. */
export class Signal {
  private pending = false;
  private wake: (() => void) | undefined;

  notify(): void {
    if (this.wake === undefined) {
      this.pending = true;
      return;
    }
    const { wake } = this;
    this.wake = undefined;
    wake();
  }

  wait(): Promise<void> {
    if (this.pending) {
      this.pending = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => (this.wake = resolve));
  }
}
