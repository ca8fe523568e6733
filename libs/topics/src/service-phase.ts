import { ServiceStoppedError } from './errors.js';

type Phase = 'created' | 'open' | 'bootstrapped' | 'draining' | 'closed';

/** How far a service is in its life, and what may be done then. It only ever goes on. */
export class ServicePhase {
  private current: Phase = 'created';

  is(phase: Phase): boolean {
    return this.current === phase;
  }

  goTo(phase: Exclude<Phase, 'created'>): void {
    this.current = phase;
  }

  /** @throws {ServiceStoppedError} `SERVICE_STOPPED` where storage is not open yet, or not any more */
  assertOpen(): void {
    if (!this.is('created') && !this.is('closed')) return;
    const reason = this.is('created') ? 'has not started yet; use it from onModuleInit on' : 'is closed';
    throw new ServiceStoppedError(`the topics service ${reason}`);
  }

  /** @throws {ServiceStoppedError} `SERVICE_STOPPED` where groups drain already */
  assertTakesGroups(): void {
    if (this.is('draining') || this.is('closed')) {
      throw new ServiceStoppedError('the service is shutting down; no consumer group can start');
    }
  }
}
