import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidTopicNameError } from '@genrocks/storage';
import { type FileSystem, isErrno } from './file-system.js';

/** Names of devices on Windows, whatever follows a dot. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * Refuses a topic that cannot have a directory of its own on this system.
 * @throws {InvalidTopicNameError} `INVALID_TOPIC_NAME`
 */
export function assertUsableNames(topic: string, platform: NodeJS.Platform = process.platform): void {
  if (platform !== 'win32') return;
  for (const segment of topic.split('/')) {
    if (DEVICE.test(segment)) {
      throw new InvalidTopicNameError(topic, `"${segment}" is a device name on Windows; choose another name`);
    }
    if (segment.endsWith('.')) {
      throw new InvalidTopicNameError(topic, 'Windows drops a "." at the end of a name; choose another name');
    }
  }
}

/**
 * Another topic, or the beginning of one, whose directory this topic's name also finds. A case-insensitive file
 * system finds the directory of `Orders` under `orders`, and two topics would be one.
 */
export async function otherSpelling(
  fs: FileSystem,
  logDir: string,
  topic: string,
): Promise<string | undefined> {
  const segments = topic.split('/');
  let parent = logDir;
  for (const [depth, segment] of segments.entries()) {
    if (await ignoresCase(parent, segment)) {
      const names = (await fs.readdir(parent)).map(({ name }) => name);
      const other = names.find((name) => name.toLowerCase() === segment.toLowerCase());
      if (other !== undefined && !names.includes(segment))
        return [...segments.slice(0, depth), other].join('/');
    }
    parent = join(parent, segment);
  }
  return undefined;
}

/** Whether the same file is also found under another spelling of this name. */
async function ignoresCase(parent: string, name: string): Promise<boolean> {
  const swapped = name.replace(/[a-z]/gi, (letter) =>
    letter < 'a' ? letter.toLowerCase() : letter.toUpperCase(),
  );
  if (swapped === name) return false;
  try {
    const [one, other] = await Promise.all([lstat(join(parent, name)), lstat(join(parent, swapped))]);
    return one.ino === other.ino && one.dev === other.dev;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
