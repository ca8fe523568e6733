import { expect, it } from 'vitest';
import { internalFormat } from '../format/internal-format.js';
import { extentOf, stepsOf } from './file-steps.js';
import type { SnapshotFile } from './snapshot-file.js';

const HEAD = internalFormat.fileHead('opened');

function item(key: string, sequence: number, position: number, synced: number): Buffer {
  const entries = [{ key: Buffer.from(key), value: Buffer.from('value') }];
  const bytes = Buffer.alloc(internalFormat.itemSize(entries));
  internalFormat.writeItem(entries, 1, { sequence, generation: 1, synced }, bytes, 0, position);
  return bytes;
}

/** A current file whose first read returns `early`, and every later one `late`. */
function changingFile(early: Buffer, late: Buffer): SnapshotFile {
  let reads = 0;
  const read = async (target: Buffer, offset: number, length: number, position: number) =>
    // One read covers all of such a small file.
    (reads++ < 1 ? early : late).copy(target, offset, position, Math.min(position + length, late.length));
  return {
    number: 1,
    name: 'log.1',
    path: 'log.1',
    format: internalFormat,
    handle: { read } as SnapshotFile['handle'],
    size: late.length,
    status: 'opened',
    generation: 1,
    isCurrent: true,
    isOurs: true,
  };
}

it('writes made while a file is read are not taken for damage', async () => {
  const places = [HEAD.length];
  for (let i = 0; i < 4; i++) places.push(places[i]! + item('k0', i, 0, 0).length);
  // The third write is still in flight when the fourth, which says that the second is stored, has arrived.
  const [first, second, , fourth] = places
    .slice(0, 4)
    .map((at, i) => item(`k${i}`, i + 1, at, i === 3 ? places[2]! : 0));
  const none = Buffer.alloc(first!.length);
  const early = Buffer.concat([HEAD, first!, none, none, fourth!]);
  const late = Buffer.concat([HEAD, first!, second!, none, fourth!]);
  const file = changingFile(early, late);
  const { end } = await extentOf(file);
  expect(end).toBe(places[2]);
  const steps: string[] = [];
  for await (const step of stepsOf(file, end)) steps.push(step.type);
  expect(steps).toEqual(['item', 'item']);
  // What remains is damage.
  const rotten = await extentOf(changingFile(early, early));
  expect(rotten.end).toBe(places[4]);
});
