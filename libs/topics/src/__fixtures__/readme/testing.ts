import { APP_PIPE } from '@nestjs/core';
import { ValidationPipe } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TopicsTester, TopicsTestingModule } from '@genrocks/topics/testing';
import { InvoicesModule } from './subscribe.js';

export async function invoicesAreWritten(): Promise<unknown[]> {
  const app = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot(), InvoicesModule],
    providers: [{ provide: APP_PIPE, useValue: new ValidationPipe() }],
  }).compile();
  await app.init();
  const tester = TopicsTester.of(app);
  const invoices = await tester.spyTopic<{ orderId: number }>('invoices');
  const { topics } = tester;

  await topics.publish('orders', { key: '1', value: { id: 1, total: 5_000 } });
  await topics.publish('orders', { key: '2', value: { id: 2, total: -1 } });
  await tester.drain(); // retries included: time moves on by itself
  await invoices.waitFor(({ value }) => value.orderId === 1);

  const [refused] = await topics.deadLetters.list('orders.dlq');
  await app.close();
  return [invoices.messages.length, refused?.message.value, refused?.error];
}
