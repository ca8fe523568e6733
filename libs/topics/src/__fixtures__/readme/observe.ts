import type { Topic } from '@genrocks/topics';
import { bufferTime, filter, groupBy, map, mergeMap, type Observable, scan } from 'rxjs';

interface Reading {
  sensor: string;
  celsius: number;
}

/** The highest temperature of each sensor since a time. */
export const highest = (readings: Topic<Reading>, since: number): Observable<[string, number]> =>
  readings.observe({ from: { timestamp: since } }).pipe(
    map(({ value }) => value),
    groupBy(({ sensor }) => sensor),
    mergeMap((group) =>
      group.pipe(
        scan((max, { celsius }) => Math.max(max, celsius), -Infinity),
        map((max): [string, number] => [group.key, max]),
      ),
    ),
  );

/** Readings in windows of a second, empty windows left out. */
export const windows = (readings: Topic<Reading>): Observable<Reading[]> =>
  readings.observe({ from: 'latest' }).pipe(
    map(({ value }) => value),
    bufferTime(1_000),
    filter((window) => window.length > 0),
  );

/** Asynchronous work: at most four calls of `each` run at once; the next message is read when one ends. */
export const stored = (readings: Topic<Reading>, save: (reading: Reading) => Promise<string>) =>
  readings.observe({ each: ({ value }) => save(value), concurrency: 4 });
