import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GOLDEN } from '../__fixtures__/directories.js';
import { type EntryWrite, termSize, writeTerm } from './entry.js';
import { readTerm } from './entry-decoder.js';
import {
  fileHead,
  readFileHead,
  readIndexFile,
  readSizeFile,
  writeIndexFile,
  writeSizeFile,
} from './headers.js';
import { itemSize, MAX_FRAME_HEAD, readFrame, readItem, type Trailer, writeItem } from './item.js';
import { TermError, TermReader, termToJson } from './term.js';

const bytes = (maxLength = 80) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const entry: fc.Arbitrary<EntryWrite> = fc.record({
  key: bytes(),
  value: fc.option(fc.oneof(bytes(200), bytes(3000)), { nil: undefined }),
});
const entries = fc.array(entry, { minLength: 1, maxLength: 6 });
const timestamp = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const trailer: fc.Arbitrary<Trailer> = fc.record({
  sequence: fc.maxSafeNat(),
  generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  synced: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});
const position = fc.oneof(fc.nat(1 << 20), fc.maxSafeNat());

function makeItem(writes: readonly EntryWrite[], time: number, place: Trailer, at: number): Buffer {
  const target = Buffer.alloc(itemSize(writes));
  expect(writeItem(writes, time, place, target, 0, at)).toBe(target.length);
  return target;
}

function readBack(item: Buffer, at: number) {
  const frame = readFrame(item, 0, item.length);
  if (frame === undefined || frame.end > item.length) return undefined;
  const found = readItem(item, frame, at);
  return 'reason' in found ? undefined : found;
}

describe('items', () => {
  it('come back as they were written: entries, timestamps, trailer', () => {
    fc.assert(
      fc.property(entries, timestamp, trailer, position, (writes, time, place, at) => {
        const found = readBack(makeItem(writes, time, place, at), at)!;
        expect(found.trailer).toEqual(place);
        expect(found.entries).toEqual(writes.map(({ key, value }) => ({ key, value, timestamp: time })));
      }),
    );
  });

  it.each([65_527, 65_528, 65_529, 200_000])(
    'of %i bytes carry an MD5 of their size as Erlang has it',
    (size) => {
      const key = Buffer.from('k');
      const value = Buffer.alloc(size - itemSize([{ key, value: Buffer.alloc(0) }]) + 8, 'v');
      const item = makeItem([{ key, value }], 1, { sequence: 1, generation: 1, synced: 8 }, 8);
      expect(item.readUInt32BE(0)).toBe(size);
      expect(item.length - 8 - size).toBe(size >= 65_528 ? 16 : 0);
      expect(readBack(item, 8)?.entries[0]?.value?.equals(value)).toBe(true);
    },
  );

  it('are refused with any bit flipped', () => {
    fc.assert(
      fc.property(entries, trailer, position, fc.nat(), (writes, place, at, where) => {
        const item = makeItem(writes, 1, place, at);
        const bit = where % (item.length * 8);
        item[bit >> 3]! ^= 1 << (bit & 7);
        expect(readBack(item, at)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused at any position but their own', () => {
    fc.assert(
      fc.property(
        entries,
        trailer,
        fc.nat(1 << 30),
        fc.integer({ min: 1, max: 1 << 30 }),
        (writes, place, at, away) => {
          expect(readBack(makeItem(writes, 1, place, at), at + away)).toBeUndefined();
        },
      ),
    );
  });

  it('are never found in bytes by chance, nor does reading them crash or reach too far', () => {
    const random = fc.tuple(fc.nat(300), bytes(300)).map(([size, rest]) => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(size, 0);
      head.write('bWLA', 4, 'latin1');
      return Buffer.concat([head, Buffer.from([131, 104, 3, 109]), rest]);
    });
    fc.assert(
      fc.property(fc.oneof(bytes(400), random), (data) => {
        const frame = readFrame(data.subarray(0, MAX_FRAME_HEAD), 0, Math.min(data.length, MAX_FRAME_HEAD));
        if (frame === undefined || frame.end > data.length) return;
        const found = readItem(data, frame, 0);
        // A term that Erlang could have written is possible; a matching checksum is not.
        if (!('reason' in found)) expect(found.trailer).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
  });
});

describe('entries', () => {
  it('take the size that was computed before', () => {
    fc.assert(
      fc.property(entries, timestamp, (writes, time) => {
        const target = Buffer.alloc(termSize(writes) + 3, 0xee);
        const end = writeTerm(writes, time, target, 0);
        expect(end).toBe(termSize(writes));
        expect(readTerm(target, 0, target.length).end).toBe(end);
      }),
    );
  });

  it('of any bytes read as entries or fail with a TermError, inside their bounds', () => {
    const tuple = bytes(120).map((rest) => Buffer.concat([Buffer.from([131, 104, 3]), rest]));
    fc.assert(
      fc.property(fc.oneof(bytes(120), tuple), fc.nat(40), (data, spare) => {
        const end = Math.max(0, data.length - spare);
        try {
          const decoded = readTerm(data, 0, end);
          expect(decoded.end).toBeLessThanOrEqual(end);
        } catch (error) {
          expect(error).toBeInstanceOf(TermError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('cut anywhere fail with a TermError', () => {
    fc.assert(
      fc.property(entries, fc.nat(), (writes, where) => {
        const target = Buffer.alloc(termSize(writes));
        writeTerm(writes, 1, target, 0);
        expect(() => readTerm(target, 0, where % target.length)).toThrow(TermError);
      }),
    );
  });
});

describe('terms', () => {
  it('of any bytes never crash the reader, nor does their JSON', () => {
    fc.assert(
      fc.property(bytes(200), (data) => {
        try {
          JSON.stringify(termToJson(new TermReader(data, 0, data.length).read(0)));
        } catch (error) {
          expect(error).toBeInstanceOf(TermError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('nested too deeply, or with false counts, are refused at once', () => {
    const nested = Buffer.concat([Buffer.alloc(100_000, Buffer.from([104, 1])), Buffer.from([106])]);
    expect(() => new TermReader(nested, 0, nested.length).read(0)).toThrow(TermError);
    const lie = Buffer.from([108, 0xff, 0xff, 0xff, 0xff, 106]);
    expect(() => new TermReader(lie, 0, lie.length).read(0)).toThrow(TermError);
  });
});

describe('the small files', () => {
  it('log.idx and log.siz come back as they were written', () => {
    const counts = fc.array(fc.maxSafeNat(), { maxLength: 20 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_000 }),
        counts,
        fc.maxSafeNat(),
        (current, items, maxBytes) => {
          expect(readIndexFile(writeIndexFile({ current, counts: items }))).toEqual({
            current,
            counts: items,
          });
          expect(readSizeFile(writeSizeFile({ maxBytes, maxFiles: current }))).toEqual({
            maxBytes,
            maxFiles: current,
          });
        },
      ),
    );
  });

  it('of any bytes are read or refused', () => {
    fc.assert(
      fc.property(bytes(40), (data) => {
        const index = readIndexFile(data);
        if (index !== undefined) expect(index.current).toBeGreaterThan(0);
        readSizeFile(data);
        readFileHead(data);
      }),
      { numRuns: 2000 },
    );
    expect([readFileHead(fileHead('opened')), readFileHead(fileHead('closed'))]).toEqual([
      'opened',
      'closed',
    ]);
    expect(readFileHead(Buffer.alloc(8))).toBeUndefined();
  });

  it("Erlang's are byte for byte what would be written here", async () => {
    let compared = 0;
    for (const directory of await readdir(GOLDEN)) {
      for (const name of ['log.idx', 'log.siz']) {
        const found = await readFile(join(GOLDEN, directory, name)).catch(() => undefined);
        if (found === undefined) continue;
        const written =
          name === 'log.idx' ? writeIndexFile(readIndexFile(found)!) : writeSizeFile(readSizeFile(found)!);
        expect(written.equals(found), `${directory}/${name}`).toBe(true);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(3);
  });

  it("Erlang's terms are byte for byte what would be written here", async () => {
    const log = await readFile(join(GOLDEN, 'halt_tombstones', 'log'));
    for (let at = 8; at < log.length;) {
      const frame = readFrame(log, at, log.length)!;
      const found = readTerm(log, frame.termStart, frame.end);
      const [{ timestamp: time, value }] = found.entries as [(typeof found.entries)[0]];
      const target = Buffer.alloc(termSize(found.entries));
      writeTerm(found.entries, time, target, 0);
      // Atoms have two encodings, and Erlang reads both.
      if (value !== undefined) expect(target.equals(log.subarray(frame.termStart, frame.end))).toBe(true);
      at = frame.end;
    }
  });
});
