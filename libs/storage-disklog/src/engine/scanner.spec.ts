import { describe, expect, it } from 'vitest';
import { externalFormat } from '../format/external-format.js';
import { fileHead } from '../format/headers.js';
import { internalFormat } from '../format/internal-format.js';
import { TRAILER_SIZE } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import { scanFile } from './scanner.js';

/** A file that counts what is read of it. */
class CountedFile {
  bytesRead = 0;
  reads = 0;

  constructor(private readonly bytes: Buffer) {}

  read = async (target: Buffer, offset: number, length: number, position: number): Promise<number> => {
    const end = Math.min(this.bytes.length, position + length);
    const count = this.bytes.copy(target, offset, Math.min(position, end), end);
    this.bytesRead += count;
    this.reads++;
    return count;
  };
}

function item(format: LogFormat, key: string, value: Buffer, sequence: number, position: number): Buffer {
  const entries = [{ key: Buffer.from(key), value }];
  const bytes = Buffer.alloc(format.itemSize(entries));
  format.writeItem(entries, 1, { sequence, generation: 1, synced: 0 }, bytes, 0, position);
  return bytes;
}

/**
 * A value of nothing but heads of items, as close together as possible. Each item reaches to the end of the value,
 * where a trailer stands that would fit; only the checksum shows that none of them is an item.
 */
function manyHeads(size: number): Buffer {
  const value = Buffer.alloc(size);
  const trailer = internalFormat.itemSize([]);
  const last = Buffer.alloc(trailer);
  internalFormat.writeItem([], 1, { sequence: 5, generation: 1, synced: 0 }, last, 0, 0);
  // Heads of items large enough for an MD5 would need one each, so they are in a short stretch before the end.
  for (let at = 0; at + 16 < size - TRAILER_SIZE; at += 8) {
    const end = size - at - 8;
    if (end >= 65_528) continue;
    value.writeUInt32BE(end, at);
    value.write('bWLA', at + 4, 'latin1');
  }
  last.copy(value, size - TRAILER_SIZE, trailer - TRAILER_SIZE);
  return value;
}

describe('a crafted value after damage', () => {
  it('of heads that all look like items costs work in proportion to the file', async () => {
    const blocks = 40;
    const parts: Buffer[] = [fileHead('opened')];
    let position = 8;
    const add = (part: Buffer) => {
      parts.push(part);
      position += part.length;
    };
    const value = Buffer.concat(Array.from({ length: blocks }, () => manyHeads(65_000)));
    add(item(internalFormat, 'crafted', value, 1, position));
    add(item(internalFormat, 'good', Buffer.from('v'), 6, position));
    const file = Buffer.concat(parts);
    // The head of the crafted item is damaged, so that the value is searched.
    file[8 + 4]! ^= 1;
    const counted = new CountedFile(file);
    const keys: string[] = [];
    const scan = await scanFile(counted, file.length, internalFormat, ({ entries }) =>
      keys.push(...entries.map(({ key }) => key.toString())),
    );
    expect(keys).toEqual(['good']);
    expect(scan.gaps).toHaveLength(1);
    const candidates = (blocks * 65_000) / 8;
    expect(counted.reads).toBeLessThan(candidates * 1.1);
    expect(counted.bytesRead).toBeLessThan(12 * file.length);
  });

  it('of beginnings of lines costs work in proportion to the file', async () => {
    const good = item(externalFormat, 'first', Buffer.from('v'), 1, 0);
    const starts = Buffer.from('{"key'.repeat(400_000));
    const position = good.length + starts.length + 1;
    const last = item(externalFormat, 'last', Buffer.from('v'), 2, position);
    const file = Buffer.concat([good, starts, Buffer.from('\n'), last]);
    const counted = new CountedFile(file);
    const keys: string[] = [];
    await scanFile(counted, file.length, externalFormat, ({ entries }) =>
      keys.push(...entries.map(({ key }) => key.toString())),
    );
    expect(keys).toEqual(['first', 'last']);
    expect(counted.bytesRead).toBeLessThan(12 * file.length);
  });
});
