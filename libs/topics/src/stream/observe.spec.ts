import {
  bufferCount,
  bufferTime,
  filter,
  firstValueFrom,
  groupBy,
  lastValueFrom,
  map,
  mergeMap,
  scan,
  Subject,
  take,
  toArray,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Running, startService } from '../__fixtures__/service.js';
import { coded, Collector, settled } from '../__fixtures__/waiting.js';
import type { Topic } from '../topic.js';

interface Reading {
  sensor: string;
  celsius: number;
}

let running: Running;
let topic: Topic<Reading>;

beforeEach(async () => {
  running = await startService();
  topic = await running.service.startTopic<Reading>('readings');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await running.stop();
});

const fill = (count: number) =>
  topic.publishBatch(
    Array.from({ length: count }, (_, i) => ({
      value: { sensor: i % 2 === 0 ? 'a' : 'b', celsius: i },
      timestamp: i * 10,
    })),
  );

describe('a topic as an Observable', () => {
  it('is filtered, mapped and aggregated with RxJS operators', async () => {
    await fill(100);
    const result = topic.observe({ live: false }).pipe(
      map(({ value }) => value),
      filter(({ celsius }) => celsius >= 90),
      groupBy(({ sensor }) => sensor),
      mergeMap((group) =>
        group.pipe(
          scan((sum, { celsius }) => sum + celsius, 0),
          map((sum) => [group.key, sum] as const),
        ),
      ),
      toArray(),
    );
    const sums = new Map(await lastValueFrom(result));
    expect([...sums]).toEqual([
      ['a', 90 + 92 + 94 + 96 + 98],
      ['b', 91 + 93 + 95 + 97 + 99],
    ]);
  });

  it('begins at an offset or a time, and continues with new messages, in windows', async () => {
    await fill(10);
    const from = (start: { offset: number } | { timestamp: number }) =>
      lastValueFrom(
        topic.observe({ from: start, live: false }).pipe(
          map(({ offset }) => offset),
          toArray(),
        ),
      );
    expect(await from({ offset: 8 })).toEqual([8, 9]);
    expect(await from({ timestamp: 71 })).toEqual([8, 9]);
    const windows = firstValueFrom(
      topic.observe({ from: { offset: 9 } }).pipe(
        bufferTime(1),
        filter((window) => window.length > 0),
        mergeMap((window) => window),
        bufferCount(3),
      ),
    );
    await fill(2);
    expect((await windows).map(({ offset }) => offset)).toEqual([9, 10, 11]);
  });

  it('reads separately for each subscriber, and not at all after the last has left', async () => {
    const messages = topic.observe();
    // A waiting reader keeps the process running with one of these timers.
    const begun = vi.spyOn(globalThis, 'setInterval');
    const ended = vi.spyOn(globalThis, 'clearInterval');
    const [first, second] = [new Collector<number>(), new Collector<number>()];
    const one = messages.subscribe(({ offset }) => first.push(offset));
    const two = messages.subscribe(({ offset }) => second.push(offset));
    await fill(2);
    await Promise.all([first.atLeast(2), second.atLeast(2)]);
    one.unsubscribe();
    await fill(1);
    await second.atLeast(3);
    two.unsubscribe();
    await fill(1);
    await settled();
    expect([first.items, second.items]).toEqual([
      [0, 1],
      [0, 1, 2],
    ]);
    const cleared = ended.mock.calls.map(([timer]) => timer);
    expect(begun).toHaveBeenCalled();
    expect(begun.mock.results.filter(({ value }) => !cleared.includes(value as NodeJS.Timeout))).toEqual([]);
  });

  it('unsubscribes in the middle of a page', async () => {
    await fill(50);
    const three = await lastValueFrom(topic.observe().pipe(take(3), toArray()));
    expect(three.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  it('takes no message while `concurrency` calls are in progress', async () => {
    await fill(500);
    const gates: Subject<number>[] = [];
    const results = new Collector<number>();
    const subscription = topic
      .observe<number>({
        concurrency: 2,
        each: () => {
          const gate = new Subject<number>();
          gates.push(gate);
          return gate;
        },
      })
      .subscribe((result) => results.push(result));
    while (gates.length < 2) await settled();
    await settled();
    expect(gates).toHaveLength(2);
    gates[1]!.next(1);
    gates[1]!.complete();
    while (gates.length < 3) await settled();
    await settled();
    expect(gates).toHaveLength(3);
    expect(results.items).toEqual([1]);
    subscription.unsubscribe();
    expect(gates.every(({ observed }) => !observed)).toBe(true);
    await settled();
    expect(gates).toHaveLength(3);
  });

  it('keeps the order with one at a time, and completes after the last', async () => {
    await fill(20);
    const offsets = topic.observe<number>({
      live: false,
      each: async ({ offset }) => {
        await settled();
        return offset;
      },
    });
    expect(await lastValueFrom(offsets.pipe(toArray()))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('passes errors to the subscriber: of each, of options, of a missing topic', async () => {
    await fill(1);
    const failing = topic.observe({
      each: () => {
        throw new Error('no');
      },
    });
    await expect(lastValueFrom(failing)).rejects.toThrow('no');
    await expect(
      lastValueFrom(topic.observe({ each: () => Promise.reject(new Error('later')) })),
    ).rejects.toThrow('later');
    for (const wrong of [
      { concurrency: 2 },
      { each: 5 },
      { each: () => [], concurrency: 0 },
      { live: 1 },
    ] as object[]) {
      await expect(lastValueFrom(topic.observe(wrong))).rejects.toThrowError(coded('INVALID_MESSAGE'));
    }
    await running.service.stopTopic('readings');
    await expect(lastValueFrom(topic.observe())).rejects.toThrowError(coded('TOPIC_STOPPED'));
  });

  it('completes when the topic stops or the signal aborts', async () => {
    const abort = new AbortController();
    const ended = lastValueFrom(topic.observe({ signal: abort.signal }).pipe(toArray()));
    const stopped = lastValueFrom(topic.observe().pipe(toArray()));
    await settled();
    abort.abort();
    expect(await ended).toEqual([]);
    await running.service.stopTopic('readings');
    expect(await stopped).toEqual([]);
  });
});
