import { Test, type TestingModule } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { afterEach, expect, it, vi } from 'vitest';
import { Collector } from '../__fixtures__/waiting.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { TopicsTester } from './topics-tester.js';
import { TopicsTestingModule } from './topics-testing.module.js';

const nextTurn = setImmediate;
let app: TestingModule;
afterEach(async () => {
  await app.close();
  vi.useRealTimers();
});

it('fake timers of a test runner drive retries', async () => {
  app = await Test.createTestingModule({
    imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() })],
  }).compile();
  await app.init();
  const topics = app.get(TopicsService);
  const attempts = new Collector<number>();
  vi.useFakeTimers();
  await topics.startConsumerGroup({
    group: 'g',
    topics: ['t'],
    retry: { initialMs: 60_000, jitter: 0 },
    handler: (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) throw new Error('not yet');
    },
  });
  await topics.publish('t', { value: 1 });
  await attempts.atLeast(1);
  await new Promise((resolve) => nextTurn(resolve));
  await vi.advanceTimersByTimeAsync(59_999);
  expect(attempts.items).toEqual([1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await attempts.atLeast(2)).toEqual([1, 2]);
});

it('the test kit works under fake timers', async () => {
  vi.useFakeTimers();
  app = await Test.createTestingModule({ imports: [TopicsTestingModule.forRoot()] }).compile();
  await app.init();
  const tester = TopicsTester.of(app);
  const { topics } = tester;
  const attempts: number[] = [];
  await topics.startConsumerGroup({
    group: 'g',
    topics: ['t'],
    handler: (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    },
  });
  await topics.publish('t', { value: 1 });
  await tester.drain();
  expect(attempts).toEqual([1, 2, 3]);
});
