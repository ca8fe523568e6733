import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ForwardWindow } from './forward-window.js';

/** A file in memory that counts the bytes read; every other read is short. */
class CountedFile {
  bytesRead = 0;
  reads = 0;

  constructor(private readonly bytes: Buffer) {}

  read = async (target: Buffer, offset: number, length: number, position: number): Promise<number> => {
    const most = this.reads++ % 2 === 0 ? length : Math.ceil(length / 2);
    const count = this.bytes.copy(target, offset, position, Math.min(this.bytes.length, position + most));
    this.bytesRead += count;
    return count;
  };
}

const fileOf = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919) % 251));

describe('a window that moves forward', () => {
  it('shows the bytes of the file, and never changes bytes it has shown', async () => {
    const piece = fc.record({
      skip: fc.integer({ min: -3, max: 5 }),
      length: fc.integer({ min: 0, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 60 }),
        fc.integer({ min: 4, max: 40 }),
        fc.integer({ min: 0, max: 900 }),
        async (pieces, chunk, size) => {
          const bytes = fileOf(size);
          const window = new ForwardWindow(new CountedFile(bytes), size, chunk, Math.ceil(chunk / 3));
          const shown: [Buffer, Buffer][] = [];
          let at = 0;
          for (const { skip, length } of pieces) {
            at = Math.max(0, Math.min(size, at + skip));
            const expected = bytes.subarray(at, at + length);
            shown.push([await window.peek(at, length), expected]);
            shown.push([await window.view(at, length), expected]);
            expect(window.held(at, expected.length)).toEqual(expected);
            at = Math.min(size, at + length);
          }
          await window.settled();
          for (const [view, expected] of shown) expect(view.equals(expected)).toBe(true);
        },
      ),
    );
  });

  it.each([3, 100, 700])('reads every byte once, in pieces of %i', async (length) => {
    const bytes = fileOf(5000);
    const file = new CountedFile(bytes);
    const window = new ForwardWindow(file, bytes.length, 256);
    for (let at = 0; at < bytes.length; at += length) {
      expect((await window.view(at, length)).equals(bytes.subarray(at, at + length))).toBe(true);
    }
    expect(file.bytesRead).toBe(bytes.length);
  });

  it('does not read ahead for a reader that needs only the first stretch', async () => {
    const file = new CountedFile(fileOf(5000));
    const window = new ForwardWindow(file, 5000, 256, 64);
    await window.view(0, 24);
    await window.view(24, 30);
    await window.settled();
    expect(file.bytesRead).toBe(64);
  });

  it('reports a failed read when its bytes are needed', async () => {
    const bytes = fileOf(1000);
    const file = new CountedFile(bytes);
    const read = async (target: Buffer, offset: number, length: number, position: number) => {
      if (position >= 500) throw new Error('EIO');
      return file.read(target, offset, length, position);
    };
    const window = new ForwardWindow({ read }, bytes.length, 250);
    await window.view(0, 200);
    await window.view(250, 200);
    await window.settled();
    await expect(window.view(500, 10)).rejects.toThrow('EIO');
  });
});
