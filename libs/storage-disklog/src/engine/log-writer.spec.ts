import { afterAll, expect, it } from 'vitest';
import { Scratch } from '../__fixtures__/directories.js';
import { fastFileSystem } from '../__fixtures__/recording-file-system.js';
import { internalFormat } from '../format/internal-format.js';
import { LogDirectory } from './log-directory.js';
import { LogWriter } from './log-writer.js';
import { LogNames } from './names.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

it('a write that finds no next file is refused and not stored, even if a task got ahead of it', async () => {
  const directory = await scratch.directory();
  const common = { format: internalFormat, maxBytes: 200, onEvent: () => {} };
  const files = { type: 'wrap', maxFiles: 5, repair: 'truncate', durable: false, base: directory } as const;
  const log = await LogDirectory.open(fastFileSystem, new LogNames(directory), { ...common, ...files });
  let refuse!: (error: Error) => void;
  let began!: () => void;
  const refused = new Promise<never>((_, reject) => (refuse = reject));
  const rotating = new Promise<void>((resolve) => (began = resolve));
  const host = {
    get current() {
      return log.current;
    },
    rotate: () => {
      began();
      return refused;
    },
  };
  const syncs = { sync: 'os', syncIntervalMs: 100, rotateAt: 200 } as const;
  const writer = new LogWriter(host, log.sequence, { name: directory, ...common, ...syncs });
  const put = (key: string) =>
    writer.append([{ key: Buffer.from(key), value: Buffer.alloc(100), lent: false }]);
  await put('first');
  const write = put('refused');
  await rotating;
  const task = writer.between(() => Promise.resolve('done'));
  refuse(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
  await expect(write).rejects.toMatchObject({ code: 'NO_SPACE' });
  expect(await task).toBe('done');
  await writer.exclusive(() => Promise.resolve());
  expect(log.current.file).toMatchObject({ items: 1 });
  expect(writer.failed).toBeUndefined();
  writer.stop();
  await log.close(writer.lastSequence);
});
