import type { TopicsService } from '@genrocks/topics';

export async function payOnce(topics: TopicsService): Promise<boolean[]> {
  const payments = await topics.startTopic('payments', { dedup: { windowMs: 120_000, maxIds: 100_000 } });
  const payment = { id: 'payment-7', key: 'customer-1', value: { amount: 20 } };
  const first = await payments.publish(payment);
  const again = await payments.publish(payment); // the same offset, and nothing is stored
  return [first.duplicate === true, again.duplicate === true, again.offset === first.offset];
}
