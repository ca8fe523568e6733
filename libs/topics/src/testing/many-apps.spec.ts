import { Injectable, type INestApplicationContext, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { bufferTime, filter, firstValueFrom, map, windowTime, mergeAll, toArray, take } from 'rxjs';
import { expect, it } from 'vitest';
import { settled } from '../__fixtures__/waiting.js';
import { InjectTopic, MessageValue, Subscribe, type Topic, TopicsModule } from '../index.js';
import { TopicsTester, TopicsTestingModule } from './index.js';

@Injectable()
class Invoices {
  private tries = 0;

  constructor(@InjectTopic('invoices') private readonly invoices: Topic) {}

  @Subscribe('orders', { group: 'invoices', retry: { initialMs: 60_000, maxMs: 60_000 } })
  async write(@MessageValue() id: number): Promise<void> {
    if (this.tries++ === 0) throw new Error('once');
    await this.invoices.publish({ value: id });
  }
}

@Module({ imports: [TopicsModule.forFeature(['orders', 'invoices'])], providers: [Invoices] })
class InvoicesModule {}

async function start(): Promise<INestApplicationContext> {
  const module = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot(), InvoicesModule],
  }).compile();
  module.useLogger(false);
  return module.init();
}

/** Handles of the process by kind; `Timeout` counts timers. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

it('runs a hundred applications, each with a retry after a minute, and leaves nothing open', async () => {
  const before = handles();
  const listeners = process.eventNames().map((name) => process.listenerCount(name));
  for (let id = 0; id < 100; id++) {
    const app = await start();
    const tester = TopicsTester.of(app);
    const invoices = await tester.spyTopic<number>('invoices');
    await tester.topics.publish('orders', { value: id });
    await tester.drain();
    expect((await invoices.waitFor(({ value }) => value === id)).offset).toBe(0);
    await app.close();
  }
  await settled();
  // A leak would leave one handle per application; the test runner has a few of its own.
  for (const [kind, count] of handles()) expect(count, kind).toBeLessThan((before.get(kind) ?? 0) + 10);
  expect(process.eventNames().map((name) => process.listenerCount(name))).toEqual(listeners);
});

it('windows of RxJS follow its clock', async () => {
  const app = await start();
  const { topics, clock } = TopicsTester.of(app);
  const readings = await topics.startTopic<number>('readings');
  const windows = readings.observe().pipe(
    map(({ value }) => value),
    bufferTime(60_000, clock!.scheduler),
    filter((window) => window.length > 0),
  );
  const first = firstValueFrom(windows);
  const perMinute = firstValueFrom(
    readings.observe().pipe(windowTime(60_000, clock!.scheduler), mergeAll(), take(3), toArray()),
  );
  await readings.publish({ value: 1 });
  await readings.publish({ value: 2 });
  await settled();
  await clock!.advance(59_999);
  await readings.publish({ value: 3 });
  await settled();
  await clock!.advance(1);
  expect(await first).toEqual([1, 2, 3]);
  expect((await perMinute).map(({ value }) => value)).toEqual([1, 2, 3]);
  expect(clock!.scheduler.now()).toBe(clock!.now());
  await app.close();
  expect(clock!.sleeping).toBe(0);
});
