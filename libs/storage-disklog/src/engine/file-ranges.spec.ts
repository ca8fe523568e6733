import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileRanges } from './file-ranges.js';
import type { LogFile } from './log-file.js';

/** What {@link FileRanges} needs of a file; records which files were asked. */
function fileOf(bounds: [number, number] | undefined, damaged = false, asked: string[] = []): LogFile {
  const [lowest, highest] = (bounds ?? []).map((key) => String(key).padStart(3, '0'));
  const keys = {
    get bounds() {
      asked.push(lowest ?? '');
      return bounds && { lowest, highest };
    },
  };
  return { keys, damage: damaged ? [{}] : [] } as unknown as LogFile;
}

function visited(ranges: FileRanges, key: number, count: number): number[] {
  const files: number[] = [];
  const text = String(key).padStart(3, '0');
  for (let i = ranges.next(text, count - 1); i >= 0; i = ranges.next(text, i - 1)) files.push(i);
  return files;
}

const range = fc
  .tuple(fc.nat(99), fc.nat(99))
  .map((pair): [number, number] => [Math.min(...pair), Math.max(...pair)]);
const file = fc.record({ bounds: fc.option(range, { nil: undefined }), damaged: fc.boolean() });
const appended = fc
  .uniqueArray(fc.nat(99), { minLength: 2, maxLength: 20 })
  .map((keys) => keys.sort((a, b) => a - b))
  .map((keys) =>
    Array.from({ length: keys.length >> 1 }, (_, i) => [keys[2 * i]!, keys[2 * i + 1]!] as const),
  )
  .map((pairs) => pairs.map(([low, high]) => ({ bounds: [low, high] as [number, number], damaged: false })));

describe('the key ranges of files', () => {
  it('skip no file that may hold a key or is damaged, newest first', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.array(file, { maxLength: 12 }), appended),
        fc.array(fc.nat(99), { maxLength: 20 }),
        (left, keys) => {
          const files = [...left.map(({ bounds, damaged }) => fileOf(bounds, damaged)), fileOf(undefined)];
          const ranges = new FileRanges(files, 0);
          for (const key of keys) {
            const seen = visited(ranges, key, files.length);
            expect(seen[0]).toBe(left.length);
            expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a));
            left.forEach(({ bounds, damaged }, i) => {
              const mayHold = bounds !== undefined && bounds[0] <= key && key <= bounds[1];
              if (mayHold || damaged) expect(seen).toContain(i);
            });
          }
        },
      ),
    );
  });

  it('name one file of an append-only log, and examine none below it', () => {
    const asked: string[] = [];
    const files = Array.from({ length: 99 }, (_, i) => fileOf([10 * i, 10 * i + 9], false, asked));
    const ranges = new FileRanges([...files, fileOf(undefined)], 0);
    expect(visited(ranges, 985, 100).slice(0, 2)).toEqual([99, 98]);
    const fresh = new FileRanges([...files, fileOf(undefined)], 0);
    asked.length = 0;
    expect(fresh.next('975', 99)).toBe(99);
    expect(fresh.next('975', 98)).toBe(97);
    expect(new Set(asked)).toEqual(new Set(['980', '970']));
    expect(visited(fresh, 5, 100)).toEqual([99, 0]);
    asked.length = 0;
    for (let key = 0; key < 990; key += 7)
      expect(visited(fresh, key, 100)).toEqual([99, Math.floor(key / 10)]);
    expect(asked).toEqual([]);
  });

  it('hold for one list of files, until a file is added or repaired', () => {
    const files = [fileOf([1, 2]), fileOf(undefined)];
    const ranges = new FileRanges(files, 3);
    expect(ranges.isOf(files, 3)).toBe(true);
    expect(ranges.isOf(files, 4)).toBe(false);
    expect(ranges.isOf([...files], 3)).toBe(false);
    files.push(fileOf(undefined));
    expect(ranges.isOf(files, 3)).toBe(false);
  });
});
