import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * EXT4_IOC_SHUTDOWN, without flushing the journal: from here on nothing reaches the device.
 *
 * The writer is stopped a moment before, as the power would stop it: ext4 ends a synced write that the shutdown overtakes
 * as if it had succeeded (a loop of plain O_DSYNC appends sees that in one cut of 17), and a process that goes on would
 * acknowledge it. Its main thread acknowledges; writes of its other threads are under way in the kernel all the same.
 */
const CUT = `
import fcntl, os, signal, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
writer = int(sys.argv[2])
os.kill(writer, signal.SIGSTOP)
while open(f'/proc/{writer}/stat').read().rsplit(') ', 1)[1][0] not in 'TZX':
    pass
fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
`;

/** An ext4 file system in a file, whose power can be cut. */
export class LoopDisk {
  private mounted = false;

  private constructor(
    private readonly base: string,
    readonly mountPoint: string,
  ) {}

  static async create(megabytes = 64): Promise<LoopDisk> {
    const base = await mkdtemp(join(tmpdir(), 'genrocks-power-'));
    const disk = new LoopDisk(base, join(base, 'mnt'));
    await mkdir(disk.mountPoint);
    quietly('truncate', ['-s', `${megabytes}M`, disk.image]);
    quietly('mkfs.ext4', ['-q', '-F', disk.image]);
    disk.mount();
    return disk;
  }

  /** Cuts the power under a process. */
  cut(writer: number): void {
    quietly('python3', ['-c', CUT, this.mountPoint, String(writer)]);
  }

  /** The machine comes back: what was only in memory is gone. */
  restart(): void {
    this.unmount();
    this.mount();
  }

  async remove(): Promise<void> {
    this.unmount();
    await rm(this.base, { recursive: true, force: true });
  }

  private get image(): string {
    return join(this.base, 'disk.img');
  }

  private mount(): void {
    quietly('mount', ['-o', 'loop', this.image, this.mountPoint]);
    this.mounted = true;
  }

  private unmount(): void {
    if (this.mounted) quietly('umount', [this.mountPoint]);
    this.mounted = false;
  }
}

function quietly(command: string, args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}

let verdict: string | undefined;
let tried = false;

/** Why there can be no such disk here; undefined where there can. */
export function loopDisksUnavailable(): string | undefined {
  if (!tried) {
    tried = true;
    verdict = findObstacle();
  }
  return verdict;
}

function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root, to mount a loop device';
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices';
  for (const [command, argument] of [
    ['mkfs.ext4', '-V'],
    ['python3', '-V'],
    ['losetup', '-f'],
  ] as const) {
    try {
      quietly(command, [argument]);
    } catch {
      return `${command} is missing or does not work`;
    }
  }
  return undefined;
}
