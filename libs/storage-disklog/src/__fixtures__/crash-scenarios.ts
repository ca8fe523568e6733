import type { DiskLogOptions } from '../index.js';
import { Recorder, type Recording } from './crash-recorder.js';
import type { Scratch } from './directories.js';
import type { Limits, Operation } from './expected-log.js';
import type { Random } from './random.js';

interface Scenario {
  readonly name: string;
  readonly options: Omit<DiskLogOptions, 'maxNoBytes'> & Limits;
  readonly compacted?: boolean;
  readonly run: (recorder: Recorder) => Promise<void>;
}

/** Runs a scenario, and returns every change of its files. */
export async function record(
  { name, options, compacted = false, run }: Scenario,
  scratch: Scratch,
  random: Random,
): Promise<Recording> {
  const recorder = await Recorder.start(scratch, options, random);
  await run(recorder);
  return recorder.finish(name, compacted);
}

const wrap = { logType: 'wrap', maxNoBytes: 700, maxNoFiles: 3 } as const;
const halt = { logType: 'halt', maxNoBytes: 1 << 20, maxNoFiles: 1 } as const;
const lines = { ...halt, format: 'external' } as const;
const wrappedLines = { ...wrap, maxNoBytes: 1400, format: 'external' } as const;
const compactLines = { ...halt, logType: 'compact', format: 'external' } as const;
const segments = { ...halt, logType: 'compact', maxNoBytes: 900 } as const;
const segmentsOfLines = { ...segments, maxNoBytes: 1800, format: 'external' } as const;
const compact = { logType: 'compact', maxNoBytes: 1 << 20, maxNoFiles: 1 } as const;

/** The recorded scenarios: every operation that changes files, combined with kills and reopens. */
export const scenarios: Scenario[] = [
  {
    name: 'halt: creation, groups of many writers, a large item, close, reopen',
    options: halt,
    async run(recorder) {
      for (let i = 0; i < 6; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(8)));
      await recorder.run(...recorder.writes(3, 3000));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 70_000));
      await recorder.run(...recorder.writes(4));
    },
  },
  {
    name: 'halt: space filled with zeros ahead of the end',
    options: halt,
    async run(recorder) {
      for (let i = 0; i < 8; i++) await recorder.run(...recorder.writes(6, 9000));
      await recorder.kill();
      await recorder.run(...recorder.writes(6, 9000));
      await recorder.reopen();
      await recorder.run(...recorder.writes(6, 9000));
    },
  },
  {
    name: 'wrap: files with zeros ahead of the end',
    options: { ...wrap, maxNoBytes: 250_000 },
    async run(recorder) {
      for (let i = 0; i < 12; i++) await recorder.run(...recorder.writes(6, 9000));
    },
  },
  {
    name: 'wrap: rotations, several rounds',
    options: wrap,
    async run(recorder) {
      for (let i = 0; i < 14; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(4)));
      await recorder.reopen();
      for (let i = 0; i < 4; i++) await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'wrap: kills among rotations, then a power cut',
    options: wrap,
    async run(recorder) {
      for (let i = 0; i < 5; i++) {
        await recorder.run(...recorder.writes(1 + recorder.random.int(9)));
        await recorder.kill();
      }
      await recorder.run(...recorder.writes(5));
    },
  },
  {
    name: 'wrap: truncations among writes',
    options: wrap,
    async run(recorder) {
      await recorder.run(...recorder.writes(12));
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, ...recorder.writes(3));
      await recorder.run({ type: 'truncate' });
      await recorder.reopen();
      await recorder.run(...recorder.writes(9));
      await recorder.run({ type: 'truncate' });
      await recorder.kill();
      await recorder.run(...recorder.writes(2));
    },
  },
  {
    name: 'halt: truncations among writes',
    options: halt,
    async run(recorder) {
      await recorder.run(...recorder.writes(5));
      await recorder.run({ type: 'truncate' });
      await recorder.run(...recorder.writes(2));
      await recorder.kill();
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, ...recorder.writes(2));
    },
  },
  {
    name: 'compact: compactions among writes, kills',
    options: compact,
    compacted: true,
    async run(recorder) {
      await recorder.run(...recorder.writes(20));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(4));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, { type: 'optimize' });
      await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'wrap, sync: os: rotations and closings of files that no sync had reached',
    options: { ...wrap, maxNoBytes: 4000, sync: 'os' },
    async run(recorder) {
      for (let i = 0; i < 4; i++) await recorder.run(...recorder.writes(4, 900));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 900));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 900));
    },
  },
  {
    name: 'JSON lines: halt, groups of many writers, large items, closings and kills',
    options: lines,
    async run(recorder) {
      for (let i = 0; i < 5; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(8)));
      await recorder.run(...recorder.writes(3, 3000));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 70_000));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      await recorder.run({ type: 'truncate' });
      await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'JSON lines: wrap, rotations and kills',
    options: wrappedLines,
    async run(recorder) {
      for (let i = 0; i < 10; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(4)));
      await recorder.reopen();
      for (let i = 0; i < 4; i++) {
        await recorder.run(...recorder.writes(1 + recorder.random.int(5)));
        await recorder.kill();
      }
      await recorder.run({ type: 'truncate' });
      for (let i = 0; i < 4; i++) await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'JSON lines: halt, a smaller file in the place of the one that was closed',
    options: lines,
    compacted: true,
    async run(recorder) {
      await recorder.run(...recorder.writes(20, 2000));
      await recorder.reopen();
      await recorder.run({ type: 'optimize' });
      for (let i = 0; i < 3; i++) await recorder.run(...recorder.writes(2, 900));
    },
  },
  {
    name: 'JSON lines: compactions among writes',
    options: compactLines,
    compacted: true,
    async run(recorder) {
      await recorder.run(...recorder.writes(20));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(4));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      await recorder.reopen();
      await recorder.run({ type: 'optimize' });
      for (let i = 0; i < 3; i++) await recorder.run(...recorder.writes(2, 900));
    },
  },
  {
    name: 'compact in segments: rotations, compactions by themselves and asked for, kills, truncations',
    options: segments,
    compacted: true,
    run: runSegments,
  },
  {
    name: 'compact in segments: keys of which some are overwritten and some deleted, merged group by group',
    options: segments,
    compacted: true,
    run: runGroups,
  },
  {
    name: 'compact in segments of JSON lines',
    options: segmentsOfLines,
    compacted: true,
    run: runSegments,
  },
];

async function runSegments(recorder: Recorder): Promise<void> {
  for (let i = 0; i < 12; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(6)));
  await recorder.run({ type: 'optimize' });
  await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(8));
  await recorder.reopen();
  for (let i = 0; i < 6; i++) await recorder.run(...recorder.writes(4));
  await recorder.kill();
  await recorder.run(...recorder.writes(6));
  await recorder.run({ type: 'optimize' });
  await recorder.run(
    ...recorder.writes(4),
    { type: 'truncate' },
    { type: 'optimize' },
    ...recorder.writes(6),
  );
  await recorder.run({ type: 'optimize' });
  await recorder.run(...recorder.writes(3));
}

/** Some segments stay as they are; tombstones are in later groups than what they hide. */
async function runGroups(recorder: Recorder): Promise<void> {
  const put = (key: string): Operation => ({
    type: 'write',
    writes: [{ key, value: `${key} ${'.'.repeat(70)}` }],
  });
  const drop = (...keys: string[]): Operation => ({
    type: 'write',
    writes: keys.map((key) => ({ key, value: undefined })),
  });
  const cold = Array.from({ length: 30 }, (_, i) => `c${String(i).padStart(2, '0')}`);
  for (let i = 0; i < cold.length; i += 6) await recorder.run(...cold.slice(i, i + 6).map(put));
  await recorder.run(drop('c03', 'c19'), put('c20'), drop('c21'), put('c21'), drop('c29'));
  await recorder.run({ type: 'optimize' });
  await recorder.run(drop('c05'), { type: 'optimize' }, drop('c28', 'c27'), put('c05'));
  await recorder.kill();
  await recorder.run(drop(...cold.slice(6, 20)));
  await recorder.run({ type: 'optimize' });
  await recorder.run(drop(...cold.slice(20)), { type: 'optimize' });
}
