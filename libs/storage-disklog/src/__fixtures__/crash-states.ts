import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from './random.js';
import type { Change } from './recording-file-system.js';

const SECTOR = 512;

/**
 * How a crash treats the changes that were not synced. `last kept`: only the last one reached the device. `last
 * torn`: the last one is a write in flight, and only some of its sectors reached the device.
 */
export type Policy = 'all kept' | 'all dropped' | 'random' | 'last kept' | 'last torn';

/** The files that a power cut at a moment leaves: what was synced for certain, and any part of the rest. */
export function crashState(
  changes: readonly Change[],
  moment: number,
  policy: Policy,
  random: Random,
): Map<string, Buffer> {
  const contents = new Map<number, Buffer>();
  const names = new Map<string, number>();
  for (let i = 0; i < moment; i++) {
    const change = changes[i]!;
    const isLast = policy === 'last kept' && i === moment - 1;
    const all = policy === 'all kept' || policy === 'last torn';
    const kept = () => all || isLast || (policy === 'random' && random.chance(0.5));
    const durable = isDurable(changes, i, moment);
    switch (change.type) {
      case 'write':
        if (policy === 'last torn' && i === moment - 1)
          writePart(contents, change, 2 + random.int(3), random);
        else if (durable || isLast || all) overwrite(contents, change.inode, change.at, change.bytes);
        else if (policy === 'random') writePart(contents, change, random.int(5), random);
        break;
      case 'truncate':
        if (durable || kept()) contents.set(change.inode, resized(contents.get(change.inode), change.size));
        break;
      case 'create':
        if (durable || kept()) names.set(change.path, change.inode);
        break;
      case 'copy':
        contents.set(change.inode, change.bytes);
        if (durable || kept()) names.set(change.path, change.inode);
        break;
      case 'rename':
        // The new name may reach the device even if the old one never did.
        if (durable || kept()) {
          names.set(change.to, change.inode);
          names.delete(change.from);
        }
        break;
      case 'unlink':
        if (durable || kept()) names.delete(change.path);
        break;
      default:
    }
  }
  return new Map([...names].map(([name, inode]) => [name, contents.get(inode) ?? Buffer.alloc(0)]));
}

/**
 * The moments right after a change of a name or of a file's head. With the policy `last kept`, that change has
 * overtaken everything not synced before it, which exposes every missing sync.
 */
export function momentsOfNames(changes: readonly Change[]): number[] {
  return changes.flatMap((change, i) => {
    const { type } = change;
    const isHead = change.type === 'write' && change.at === 0;
    return isHead || type === 'rename' || type === 'unlink' || type === 'create' ? [i + 1] : [];
  });
}

/**
 * The moments at which a write of more than one sector is in flight; each is worth trying with the policy `last
 * torn`.
 */
export function momentsOfWrites(changes: readonly Change[]): number[] {
  return changes.flatMap((change, i) =>
    change.type === 'write' && change.bytes.length > SECTOR ? [i + 1] : [],
  );
}

/** Whether a sync that came after a change had resolved before the crash. */
function isDurable(changes: readonly Change[], index: number, moment: number): boolean {
  const change = changes[index]!;
  if (change.type === 'write' && change.durable) return (change.done ?? Infinity) <= moment;
  const ofFile = change.type === 'write' || change.type === 'truncate';
  for (let i = index + 1; i < moment; i++) {
    const later = changes[i]!;
    const syncs = ofFile
      ? later.type === 'sync' && later.inode === change.inode && startedBefore(change, i)
      : later.type === 'syncDirectory';
    if (syncs && ((later as { done?: number }).done ?? Infinity) <= moment) return true;
  }
  return false;
}

/** A sync covers the writes that had resolved when it was called. */
function startedBefore(change: Change, sync: number): boolean {
  return change.type !== 'write' || (change.done ?? Infinity) <= sync;
}

/**
 * A write of which the device has taken some sectors, in any order. The others hold what was there before, or zeros.
 */
function writePart(
  contents: Map<number, Buffer>,
  change: Extract<Change, { type: 'write' }>,
  mode: number,
  random: Random,
): void {
  if (mode === 0) return;
  if (mode === 1) return overwrite(contents, change.inode, change.at, change.bytes);
  const { at, bytes } = change;
  const first = Math.floor(at / SECTOR);
  const last = Math.floor((at + bytes.length - 1) / SECTOR);
  const cut = first + random.int(last - first + 1);
  for (let sector = first; sector <= last; sector++) {
    const from = Math.max(at, sector * SECTOR);
    const to = Math.min(at + bytes.length, (sector + 1) * SECTOR);
    const isKept = mode === 2 ? sector < cut : random.chance(0.5);
    // The file has its new size although the bytes in between never arrived.
    if (isKept) overwrite(contents, change.inode, from, bytes.subarray(from - at, to - at));
    else if (mode === 4) overwrite(contents, change.inode, from, Buffer.alloc(to - from), true);
  }
}

function overwrite(
  contents: Map<number, Buffer>,
  inode: number,
  at: number,
  bytes: Buffer,
  onlyBeyondEnd = false,
): void {
  const old = contents.get(inode) ?? Buffer.alloc(0);
  const target = resized(old, Math.max(old.length, at + bytes.length));
  if (!onlyBeyondEnd) bytes.copy(target, at);
  contents.set(inode, target);
}

function resized(bytes: Buffer | undefined, size: number): Buffer {
  const target = Buffer.alloc(size);
  bytes?.copy(target, 0, 0, Math.min(size, bytes.length));
  return target;
}

/** Writes a state to a new directory: files left in an old one would belong to another state. */
export async function writeState(files: ReadonlyMap<string, Buffer>, directory: string): Promise<void> {
  if ((await mkdir(directory, { recursive: true })) === undefined)
    throw new Error(`${directory} exists already`);
  for (const [name, bytes] of files) await writeFile(join(directory, name), bytes);
}
