import assert from 'node:assert/strict';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessageValue, Subscribe, TopicsService } from '@genrocks/topics';
import { TopicsTester, TopicsTestingModule } from '@genrocks/topics/testing';

@Injectable()
class Mailer {
  readonly sent: string[] = [];
  failures = 2;

  @Subscribe('welcome', { group: 'mailer' })
  send(@MessageValue() { address }: { address: string }) {
    if (this.failures-- > 0) throw new Error('the mail server is down');
    this.sent.push(address);
  }
}

/** A test without disk, ports or waiting: the clock for retries stands still. */
export async function mailIsSentInTheEnd() {
  const app = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot()],
    providers: [Mailer],
  }).compile();
  await app.init();
  const tester = TopicsTester.of(app);

  await app.get(TopicsService).publish('welcome', { value: { address: 'ada@example.com' } });
  await tester.drain(); // until everything is handled, retries included

  assert.deepEqual(app.get(Mailer).sent, ['ada@example.com']);
  await app.close();
}
