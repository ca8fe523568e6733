import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress, MAX_DECOMPRESSED_BYTES } from '../compression.js';
import { type CompressionCodec, optionalPackage } from './compression-codec.js';
import { gzipCodec } from './gzip.js';
import { lz4Codec } from './lz4.js';
import { snappyCodec } from './snappy.js';
import { zstdCodec } from './zstd.js';

const CODECS: readonly ['gzip' | 'snappy' | 'lz4' | 'zstd', CompressionCodec][] = [
  ['gzip', gzipCodec],
  ['snappy', snappyCodec],
  ['lz4', lz4Codec],
  ['zstd', zstdCodec],
];
const LIMIT = 1024 * 1024;

/** 240,000 bytes, which make several linked blocks. */
const TEXT = 'the same over and over, '.repeat(10_000);

/**
 * Frames of it written by other programs: `lz4 -BD -B4` (linked blocks), gzipped to be shorter here, and
 * `zstd` from a pipe.
 */
const LINKED_LZ4 = [
  'H4sIAAAAAAACA2NR8pVwcYhTZGRg+MhUkpGqUJyYm6qQX5ZapJCYl8LJoK+jIMHwf4SDCwHg4OACBhL/h5EeGP9fBIATiTIwNCYi',
  'pZSFOgqw9MPPwD+aaE4HAINGR2ELwxBLNEIQdwOdzcCbv+UrAP0LLkohBAAA',
].join('');
const UNSIZED_ZSTD = 'KLUv/QRY9AAAmHRoZSBzYW1lIG92ZXIgYW5kLCACAOX/OzNOoSwBTQAACCABAHypORAC/YycSw==';

describe.each(CODECS)('%s', (name, codec) => {
  it('gives back what it was given', async () => {
    const pieces = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 500 }),
        fc.nat(3).map((n) => Buffer.alloc(2_000, n)),
      ),
      { minLength: 1, maxLength: 80 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const bytes = Buffer.concat(parts);
        const packed = Buffer.from(await codec.compress(bytes));
        expect(decompress(name, packed).equals(bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what unpacks to too much', async () => {
    const packed = Buffer.from(await codec.compress(Buffer.alloc(4 * LIMIT)));
    expect(packed.length).toBeLessThan(LIMIT / 4);
    expect(() => codec.decompress(packed, LIMIT)).toThrow();
    expect(codec.decompress(packed, 4 * LIMIT)).toHaveLength(4 * LIMIT);
  });

  it('answers any bytes with CORRUPT_BATCH or bytes within its limit', async () => {
    const packed = Buffer.from(await codec.compress(Buffer.from(TEXT.slice(0, 5_000))));
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(damage, fc.nat(packed.length), (edits, length) => {
        const bytes = Buffer.from(packed.subarray(0, length));
        for (const { at, byte } of edits) if (length > 0) bytes[at % length] = byte;
        let unpacked: Buffer;
        try {
          unpacked = decompress(name, bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPT_BATCH' });
          return;
        }
        expect(unpacked.length).toBeLessThanOrEqual(MAX_DECOMPRESSED_BYTES);
      }),
      { numRuns: 300 },
    );
  });
});

describe('frames of other programs', () => {
  it('of LZ4 may have linked blocks', () => {
    const frame = gunzipSync(Buffer.from(LINKED_LZ4, 'base64'));
    expect(decompress('lz4', frame).toString()).toBe(TEXT);
    // Bytes after the frame were not counted, and are not unpacked.
    expect(decompress('lz4', Buffer.concat([frame, frame])).toString()).toBe(TEXT);
  });

  it('of zstd need not say how large their content is', () => {
    const frame = Buffer.from(UNSIZED_ZSTD, 'base64');
    expect(decompress('zstd', frame).toString()).toBe(TEXT);
    expect(decompress('zstd', Buffer.concat([frame, frame])).toString()).toBe(TEXT + TEXT);
    expect(() => zstdCodec.decompress(frame, 10_000)).toThrow();
  });

  it("of snappy may be in snappy-java's frame", async () => {
    const frame = async (...texts: string[]) => {
      const parts: Buffer[] = [Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')];
      for (const text of texts) {
        const block = Buffer.from(await snappyCodec.compress(Buffer.from(text)));
        const length = Buffer.alloc(4);
        length.writeInt32BE(block.length);
        parts.push(length, block);
      }
      return Buffer.concat(parts);
    };
    const whole = await frame(TEXT.slice(0, 32_768), TEXT.slice(32_768));
    expect(decompress('snappy', whole).toString()).toBe(TEXT);
    for (const length of [17, 21, whole.length - 1]) {
      expect(() => decompress('snappy', whole.subarray(0, length))).toThrowError(
        expect.objectContaining({ code: 'CORRUPT_BATCH' }),
      );
    }
    // Each block is within the limit; their sum is not.
    const blocks = Array.from({ length: 100 }, () => TEXT.slice(0, 100_000));
    const many = await frame(...blocks);
    expect(() => snappyCodec.decompress(many, LIMIT)).toThrow('more than');
  });
});

describe('a package that is not installed', () => {
  it('is named, with the command that installs it', () => {
    expect(optionalPackage('lz4', 'genrocks-no-such-package')).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED_COMPRESSION',
        retriable: false,
        message: expect.stringContaining('npm install genrocks-no-such-package') as unknown,
        details: { codec: 'lz4', package: 'genrocks-no-such-package' },
      }),
    );
  });

  it('is told from one that does not load', () => {
    expect(optionalPackage('lz4', 'node:no-such-module')).toThrowError(
      expect.objectContaining({ message: expect.stringContaining('which does not load') as unknown }),
    );
  });
});
