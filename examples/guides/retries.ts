import { Injectable } from '@nestjs/common';
import { MessageValue, RejectMessage, RetryAfter, Subscribe, TopicsService } from '@genrocks/topics';

export class RateLimited extends Error {}

@Injectable()
export class Payments {
  readonly charged: number[] = [];
  isDown = true;

  constructor(private readonly topics: TopicsService) {}

  @Subscribe('payments', {
    group: 'payments',
    retry: { attempts: 4, initialMs: 200, maxMs: 10_000 },
    deadLetter: 'payments.failed', // default: payments.dlq
  })
  charge(@MessageValue() { amount }: { amount: number }) {
    if (amount <= 0) throw new RejectMessage('nothing to charge'); // a retry would not help
    if (amount === 429) throw new RetryAfter(60_000); // the provider said when to retry
    if (this.isDown) throw new Error('the provider is down'); // retried with growing pauses
    this.charged.push(amount);
  }

  /** Puts dead letters since a time back into the topic they came from. */
  async redrive(since: number) {
    const letters = await this.topics.deadLetters.list('payments.failed', { since });
    const reasons = letters.map(({ reason, attempts }) => `${reason} (${attempts})`);
    const { redriven } = await this.topics.deadLetters.redrive('payments.failed', { since });
    return { reasons, redriven };
  }
}
