import { statfsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** Magic numbers of file systems that tell much about what a sync costs. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs (a sync costs nothing here)',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
};

export function machineFacts(directory: string): Record<string, string | number> {
  const { type } = statfsSync(directory);
  return {
    cpus: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: process.platform,
    // What else was running: above 0 or so, the numbers are too low, and the spread says by how much.
    load_at_start: Math.round(loadavg()[0]! * 10) / 10,
    file_system: FILE_SYSTEMS[type] ?? `type 0x${type.toString(16)}`,
  };
}
