import { ServiceStoppedError } from './errors.js';

type Phase = 'created' | 'open' | 'bootstrapped' | 'draining' | 'closed';

/** The phase of a service's life, and what it permits. Phases only advance. */
export class ServicePhase {
  private current: Phase = 'created';

  is(phase: Phase): boolean {
    return this.current === phase;
  }

  goTo(phase: Exclude<Phase, 'created'>): void {
    this.current = phase;
  }

  /** @throws {ServiceStoppedError} `SERVICE_STOPPED` before storage is open and after the shutdown */
  assertOpen(): void {
    if (!this.is('created') && !this.is('closed')) return;
    const reason = this.is('created') ? 'has not started yet; use it in onModuleInit or later' : 'is closed';
    throw new ServiceStoppedError(`the topics service ${reason}`);
  }

  /** @throws {ServiceStoppedError} `SERVICE_STOPPED` from when groups drain on */
  assertTakesGroups(): void {
    if (this.is('draining') || this.is('closed')) {
      throw new ServiceStoppedError('the service is shutting down; no consumer group can start');
    }
  }
}
