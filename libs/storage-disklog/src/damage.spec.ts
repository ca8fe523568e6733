import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  keepsLast,
  lastSizeOf,
  makeSample,
  problemOf,
  type Sample,
  withChange,
} from './__fixtures__/damage-sample.js';
import { partitionOf, Scratch, snapshot } from './__fixtures__/directories.js';
import { fastFileSystem, unseeingFileSystem } from './__fixtures__/recording-file-system.js';
import type { DiskLogOptions } from './index.js';

/**
 * Trying every bit and every length takes hours, so it can be split: `GENROCKS_THOROUGH=2/8` runs the second of eight
 * parts, `1` runs all. Otherwise, the tests take samples, in steps that share no factor with 8 to meet every kind of place.
 */
const [part, parts] = partOf(process.env.GENROCKS_THOROUGH ?? '');
const thorough = parts > 0;

function partOf(text: string): [part: number, parts: number] {
  const match = /^(\d+)(?:\/(\d+))?$/.exec(text);
  return match === null ? [0, 0] : [Number(match[1]) - 1, Number(match[2] ?? 1)];
}

/** Start and step width: everything of this part, or samples. */
const [from, step] = thorough ? [part, parts] : [0, undefined];

vi.setConfig({ testTimeout: thorough ? 12 * 3_600_000 : 120_000 });
/** Changes tried between two lines of progress. */
const PROGRESS = 2000;

// An open of a damaged log logs an error, and there are thousands of them.
const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

const halt: DiskLogOptions = { logType: 'halt' };
const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 420, maxNoFiles: 8 };
const lines: DiskLogOptions = { logType: 'halt', format: 'external' };
const wrappedLines: DiskLogOptions = { logType: 'wrap', maxNoBytes: 800, maxNoFiles: 8, format: 'external' };

describe.each([
  ['a halt log that was closed', halt, true],
  ['a halt log that was not closed', halt, false],
  ['a wrap log that was closed', wrap, true],
  ['a wrap log that was not closed', wrap, false],
  ['JSON lines that were closed', lines, true],
  ['JSON lines that were not closed', lines, false],
  ['JSON lines in a wrap log that was closed', wrappedLines, true],
  ['JSON lines in a wrap log that was not closed', wrappedLines, false],
  ['a wrap log, which the file system does not know of', wrap, true, unseeingFileSystem],
  [
    'JSON lines in a wrap log, which the file system does not know of',
    wrappedLines,
    false,
    unseeingFileSystem,
  ],
] as const)('damage in %s', (kind, options, closed, fs = fastFileSystem) => {
  let sample: Sample;
  let logDir: string;
  beforeAll(async () => {
    sample = await makeSample(scratch, options, closed, false, fs);
    logDir = await scratch.directory();
  });

  /** Changes every log file in turn; fails with every kind of wrong answer, and where it was found. */
  async function tryAll(
    changes: (bytes: Buffer, name: string) => Iterable<[string, Buffer | undefined, number?]>,
    names = (name: string) => /^log(\.\d+)?$/.test(name),
  ): Promise<void> {
    const problems: string[] = [];
    let tried = 0;
    for (const [name, bytes] of Object.entries(sample.files)) {
      if (!names(name)) continue;
      for (const [what, changed, damagedTo] of changes(bytes, name)) {
        if (thorough && tried++ % PROGRESS === 0)
          console.log(`${kind}: ${tried - 1} changes, ${name}, ${what}`);
        const outcome = await withChange(sample, name, changed, logDir);
        const problem = problemOf(sample, outcome, !closed && isCurrent(name));
        if (problem !== undefined) problems.push(`${name}, ${what}: ${problem}`);
        else if (
          damagedTo !== undefined &&
          damagedTo <= bytes.length - lastSizeOf(options) &&
          !keepsLast(sample, outcome)
        )
          problems.push(`${name}, ${what}: good entries behind the damage are gone`);
      }
    }
    expect(problems.slice(0, 20)).toEqual([]);
  }

  /** The current file: a cut there may look like a write that never arrived. */
  function isCurrent(name: string): boolean {
    const numbers = Object.keys(sample.files).map((file) => Number(/^log\.(\d+)$/.exec(file)?.[1] ?? 0));
    return name === 'log' || name === `log.${Math.max(...numbers)}`;
  }

  it('holds enough to be damaged', () => {
    expect(sample.log.length).toBe(10);
    const files = Object.keys(sample.files).filter((name) => /^log\.\d+$/.test(name)).length;
    expect(options.logType === 'wrap' ? files >= 3 : files === 0).toBe(true);
  });

  it('every bit flipped', async () => {
    await tryAll(function* (bytes) {
      for (let bit = from; bit < bytes.length * 8; bit += step ?? 127) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        yield [`bit ${bit & 7} of byte ${bit >> 3}`, changed, (bit >> 3) + 1];
      }
    });
  });

  it('every length', async () => {
    await tryAll(function* (bytes) {
      for (let length = from; length < bytes.length; length += step ?? 11)
        yield [`${length} bytes`, bytes.subarray(0, length)];
    });
  });

  it('every sector of 512 bytes zeroed, and shorter ranges', async () => {
    await tryAll(function* (bytes) {
      for (const size of [512, 64]) {
        for (let at = 0; at < bytes.length; at += size) {
          yield [
            `zeros from ${at}, ${size}`,
            Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + size)),
            at + size,
          ];
        }
      }
      yield ['all zero', Buffer.alloc(bytes.length)];
    });
  });

  it('log.idx, log.siz and the other files beside the log: flipped, cut, removed', async () => {
    await tryAll(
      function* (bytes) {
        yield ['removed', undefined];
        for (let length = from; length < bytes.length; length += step ?? 83)
          yield [`${length} bytes`, bytes.subarray(0, length)];
        for (let bit = from; bit < bytes.length * 8; bit += step ?? 409) {
          const changed = Buffer.from(bytes);
          changed[bit >> 3]! ^= 1 << (bit & 7);
          yield [`bit ${bit & 7} of byte ${bit >> 3}`, changed];
        }
      },
      (name) => !/^log(\.\d+)?$/.test(name),
    );
  });

  // Changes that the file system does not reveal are found after the open: left-summary.spec.ts.
  it.runIf(fs === fastFileSystem)(
    'a copy of the damaged file exists before anything in it is rewritten',
    async () => {
      const name = Object.keys(sample.files).find((file) => /^log(\.1)?$/.test(file))!;
      const changed = Buffer.from(sample.files[name]!);
      changed[60]! ^= 1;
      const outcome = await withChange(sample, name, changed, logDir);
      expect([outcome.reported, outcome.copies]).toEqual([true, true]);
      const after = await snapshot(partitionOf(logDir));
      expect(after[`${name}.corrupt`]?.equals(changed)).toBe(true);
    },
  );
});

describe('damage in a log with an item that carries an MD5', () => {
  it.each([true, false])('closed: %s', async (closed) => {
    const sample = await makeSample(scratch, halt, closed, true);
    const logDir = await scratch.directory();
    const { log: bytes } = sample.files;
    const start = bytes!.length - 66_000 - 200;
    const problems: string[] = [];
    for (
      let at = start;
      at < bytes!.length;
      at += at < start + 240 ? 1 : at > bytes!.length - 60 ? 1 : 9973
    ) {
      const changed = Buffer.from(bytes!);
      changed[at]! ^= 16;
      const problem = problemOf(sample, await withChange(sample, 'log', changed, logDir), !closed);
      if (problem !== undefined) problems.push(`byte ${at}: ${problem}`);
    }
    expect(problems).toEqual([]);
  });
});
