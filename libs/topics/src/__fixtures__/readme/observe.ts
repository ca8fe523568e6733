import type { Topic } from '@genrocks/topics';
import { bufferTime, filter, groupBy, map, mergeMap, type Observable, scan } from 'rxjs';

interface Reading {
  sensor: string;
  celsius: number;
}

/** The highest temperature of each sensor so far, of this hour on. */
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

/** What came in windows of a second. */
export const windows = (readings: Topic<Reading>): Observable<Reading[]> =>
  readings.observe({ from: 'latest' }).pipe(
    map(({ value }) => value),
    bufferTime(1_000),
    filter((window) => window.length > 0),
  );

/** Work that takes time: `each` is called for four messages at once, and asks for the next as one ends. */
export const stored = (readings: Topic<Reading>, save: (reading: Reading) => Promise<string>) =>
  readings.observe({ each: ({ value }) => save(value), concurrency: 4 });
