import { gzipSync } from 'node:zlib';
import { isGenRocksError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BATCH_HEADER_BYTES,
  baseOffsetOf,
  checkCrc,
  patchBaseOffset,
  readBatchHeader,
} from './batch-header.js';
import { BatchReader, readHeaders, type RecordView, validateBatch } from './batch-reader.js';
import { BatchWriter, type RecordInput, recordBytes } from './batch-writer.js';
import { compressBatch } from './compression.js';
import { crc32c, crc32cJs } from './crc32c.js';

const bytes = fc.uint8Array({ maxLength: 300 });
const nullable = fc.option(bytes, { nil: null });
const record: fc.Arbitrary<RecordInput> = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.array(
    fc.record({ name: fc.string({ maxLength: 9 }).map((s) => Buffer.from(s)), value: nullable }),
    {
      maxLength: 4,
    },
  ),
  timestamp: fc.oneof(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 0, max: 2 ** 51 })),
});
const records = fc.array(record, { minLength: 1, maxLength: 30 });
const anyOffset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 });

function pack(inputs: readonly RecordInput[], baseOffset: number, hint = 0): Buffer {
  const writer = new BatchWriter(hint);
  for (const input of inputs) writer.append(input, recordBytes(input));
  return writer.finish(baseOffset);
}

function field(view: RecordView, at: number, length: number): Buffer | null {
  return length < 0 ? null : view.buffer.subarray(at, at + length);
}

function unpack(batch: Buffer) {
  const reader = new BatchReader(batch);
  const all = [];
  for (let view = reader.next(); view !== undefined; view = reader.next()) {
    all.push({
      offset: view.offset,
      timestamp: view.timestamp,
      key: field(view, view.keyAt, view.keyLength),
      value: field(view, view.valueAt, view.valueLength),
      headers: readHeaders(view).map(([name, value]) => ({ name: Buffer.from(name), value })),
    });
  }
  return all;
}

const same = (a: Uint8Array | null, b: Uint8Array | null) =>
  a === null || b === null ? a === b : Buffer.compare(a, b) === 0;

describe('crc32c', () => {
  it('matches the published vectors', () => {
    // The check value of CRC-32C, and vectors of RFC 3720, B.4.
    expect(crc32cJs(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32cJs(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32cJs(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32cJs(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  });

  it('gives one answer, native or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (input) => {
        expect(crc32c(Buffer.from(input))).toBe(crc32cJs(input));
      }),
    );
  });
});

describe('record batches', () => {
  it('come back as they were packed', () => {
    fc.assert(
      fc.property(records, anyOffset, fc.integer({ min: 0, max: 4000 }), (inputs, baseOffset, hint) => {
        const batch = pack(inputs, baseOffset, hint);
        validateBatch(batch);
        const got = unpack(batch);
        expect(got).toHaveLength(inputs.length);
        inputs.forEach((input, i) => {
          const one = got[i]!;
          expect(one.offset).toBe(baseOffset + i);
          expect(one.timestamp).toBe(input.timestamp);
          expect(same(one.key, input.key) && same(one.value, input.value)).toBe(true);
          expect(one.headers).toHaveLength(input.headers.length);
          input.headers.forEach((header, h) => {
            expect(same(one.headers[h]!.name, header.name) && same(one.headers[h]!.value, header.value)).toBe(
              true,
            );
          });
        });
        const { baseTimestamp, maxTimestamp } = readBatchHeader(batch);
        expect(baseTimestamp).toBe(inputs[0]!.timestamp);
        expect(maxTimestamp).toBe(Math.max(...inputs.map(({ timestamp }) => timestamp)));
      }),
    );
  });

  it('are the bytes Kafka defines', () => {
    const input = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [], timestamp: 1 };
    const expected =
      '0000000000000005' + // base offset
      '0000003a' + // length
      '00000000' + // leader epoch
      '02' +
      '........' + // crc
      '0000' +
      '00000000' + // last offset delta
      '0000000000000001' +
      '0000000000000001' +
      'ffffffffffffffff' + // producer id
      'ffff' +
      'ffffffff' +
      '00000001' + // count
      '10' + // record length 8
      '00' +
      '00' +
      '00' +
      '026b' +
      '0276' +
      '00';
    expect(pack([input], 5).toString('hex')).toMatch(new RegExp(`^${expected}$`));
  });

  it('take another base offset without a new checksum', () => {
    fc.assert(
      fc.property(records, anyOffset, (inputs, baseOffset) => {
        const batch = pack(inputs, 0);
        patchBaseOffset(batch, baseOffset);
        expect(baseOffsetOf(batch)).toBe(baseOffset);
        expect(() => checkCrc(batch)).not.toThrow();
        expect(unpack(batch).map(({ offset }) => offset)).toEqual(inputs.map((_, i) => baseOffset + i));
      }),
    );
  });

  it('are read through every compression', async () => {
    const inputs = [{ key: null, value: Buffer.alloc(500, 'hello'), headers: [], timestamp: 7 }];
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const batch = await compressBatch(pack(inputs, 3), compression);
      expect(validateBatch(batch)).toMatchObject({ count: 1, compression });
      expect(unpack(batch)).toMatchObject([{ offset: 3, timestamp: 7, value: inputs[0]!.value }]);
    }
    for (const codec of [1, 2, 3, 4]) {
      expect(() => unpack(recompress(pack(inputs, 3), codec, () => Buffer.from('not packed')))).toThrowError(
        expect.objectContaining({ code: 'CORRUPT_BATCH' }),
      );
    }
  });

  it('that unpack to too much are refused', () => {
    const inputs = [{ key: null, value: Buffer.from('hello'), headers: [], timestamp: 7 }];
    const bomb = recompress(pack(inputs, 0), 1, () => gzipSync(Buffer.alloc(65 * 1024 * 1024)));
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => unpack(bomb)).toThrowError(expect.objectContaining({ code: 'CORRUPT_BATCH' }));
  });
});

describe('hostile record batches', () => {
  it('with a changed byte are refused, unless the byte is outside of the checksum', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (inputs, position, flip) => {
        const batch = pack(inputs, 1234);
        const at = position % batch.length;
        batch[at]! ^= flip;
        const free = at < 8 || (at >= 12 && at < 16); // base offset and leader epoch
        if (free) expect(() => checkCrc(batch)).not.toThrow();
        else expect(() => unpack(batch)).toThrowError(expect.objectContaining({ code: 'CORRUPT_BATCH' }));
      }),
      { numRuns: 500 },
    );
  });

  it('with a checksum made to fit still end in records or CORRUPT_BATCH', () => {
    const edit = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(records, fc.array(edit, { minLength: 1, maxLength: 8 }), (inputs, edits) => {
        const batch = pack(inputs, 0);
        for (const { at, byte } of edits) batch[21 + (at % (batch.length - 21))] = byte;
        batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
        for (const read of [unpack, validateBatch]) expectCodedOrFine(() => read(batch));
      }),
      { numRuns: 2000 },
    );
  });

  it('made of any bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        expect(() => unpack(Buffer.from(input))).toThrowError(
          expect.objectContaining({ code: 'CORRUPT_BATCH' }),
        );
      }),
    );
  });

  it('cut short at any length are refused', () => {
    const inputs = [{ key: Buffer.from('key'), value: Buffer.from('value'), headers: [], timestamp: 7 }];
    const batch = pack(inputs, 0);
    for (let length = 0; length < batch.length; length++) {
      expect(() => unpack(batch.subarray(0, length))).toThrowError(
        expect.objectContaining({ code: 'CORRUPT_BATCH' }),
      );
    }
  });

  it('that promise records they do not have are refused before anything is made for them', () => {
    const batch = pack([{ key: null, value: null, headers: [], timestamp: 0 }], 0);
    batch.writeInt32BE(0x7fffffff, 57);
    batch.writeInt32BE(0x7ffffffe, 23);
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    expect(() => unpack(batch)).toThrowError(expect.objectContaining({ code: 'CORRUPT_BATCH' }));
  });
});

function expectCodedOrFine(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(isGenRocksError(error)).toBe(true);
    expect(['CORRUPT_BATCH', 'UNSUPPORTED_COMPRESSION']).toContain((error as { code: string }).code);
  }
}

function recompress(batch: Buffer, codec: number, compress: (body: Buffer) => Buffer): Buffer {
  const body = compress(batch.subarray(BATCH_HEADER_BYTES));
  const made = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), body]);
  made.writeInt32BE(made.length - 12, 8);
  made.writeInt16BE(codec, 21);
  made.writeUInt32BE(crc32c(made.subarray(21)), 17);
  return made;
}
