import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { findPartitions } from '@genrocks/storage-disklog/tools';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genrocks } from './__fixtures__/cli.js';
import { run } from './output.js';
import { Terminal } from './terminal.js';
import { toCodedError } from './write-errors.js';

/** A path that is wrong is told by a code, in one line, with what to do: nothing of the system's own words. */
describe('a path that cannot be used', () => {
  let directory: string;
  const path = (name: string) => join(directory, name);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-paths-'));
    await writeFile(path('file'), 'http: { port: 0 }\n');
    await mkdir(path('empty'));
    await mkdir(path('other'));
    await writeFile(path('other/notes.txt'), '');
    await symlink('nowhere', path('dangling'));
    await symlink('circle', path('circle'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const RAW = /ENOENT|ENOTDIR|EACCES|EEXIST|EISDIR|ELOOP|no such file or directory|scandir/;

  it.each([
    ['missing', 'NOT_A_LOG', 'does not exist'],
    ['file/below', 'NOT_A_LOG', 'does not exist'],
    ['file', 'NOT_A_LOG', 'is not a directory'],
    ['dangling', 'NOT_A_LOG', 'is a link that leads to no directory'],
    ['empty', 'NOT_A_LOG', 'is empty'],
    ['other', 'NOT_A_LOG', 'holds no log'],
    ['circle', 'IO_ERROR', 'cannot be used: its symbolic links form a loop'],
  ])('of a log: %s', async (name, code, reason) => {
    for (const json of [false, true]) {
      const stderr = new PassThrough();
      const terminal = new Terminal(
        Readable.from([]),
        new PassThrough(),
        stderr,
        {},
        false,
        () => new AbortController().signal,
      );
      await run(async () => (await findPartitions(path(name))).length, { terminal, json });
      const text = (stderr.read() as Buffer).toString();
      const message = `${path(name)} ${reason}`;
      expect(terminal.exitCode).toBe(1);
      expect(text).not.toMatch(RAW);
      if (json) {
        const { error } = JSON.parse(text) as { error: object };
        expect(error).toMatchObject({
          code,
          message: expect.stringContaining(message) as string,
          retriable: false,
        });
      } else expect(text).toMatch(new RegExp(`^genrocks: ${code}: ${message}.*\n$`));
    }
  });

  it('of a log: none at all', async () => {
    await expect(findPartitions('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['missing', 'does not exist'],
    ['file', 'cannot be read: a part of its path is not a directory'],
    ['file/below', 'cannot be read: a part of its path is not a directory'],
    ['dangling', 'is a broken symbolic link'],
    ['circle', 'cannot be read: its symbolic links form a loop'],
    ['other', 'is not the log_dir of a broker'],
  ])('of --log-dir: %s', async (name, reason) => {
    const ran = await genrocks(['topic', 'list', '--log-dir', path(name)]);
    expect(ran).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(
        new RegExp(`^genrocks: INVALID_ARGUMENT: --log-dir: ${path(name)} ${reason}; use the value of .*\n$`),
      ) as string,
    });
    expect(ran.err).not.toMatch(RAW);
  });

  it('of --log-dir: no directory is made of a link to nothing', async () => {
    const ran = await genrocks(['publish', 'orders', '--value', '1', '--log-dir', path('dangling')]);
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('is a broken symbolic link') as string]);
  });

  it.each([
    ['missing', 'it does not exist'],
    ['file/below', 'a part of its path is not a directory'],
    ['dangling', 'it does not exist'],
    ['circle', 'its symbolic links form a loop'],
    ['empty', 'is not a regular file; pipe it in'],
  ])('of --file: %s', async (name, reason) => {
    const ran = await genrocks(['publish', 'orders', '--file', path(name)]);
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringMatching(`^genrocks: INVALID_ARGUMENT: --file: ${path(name)} .*${reason}`) as string,
    ]);
    expect(ran.err).not.toMatch(RAW);
  });

  it.each([
    ['missing', 'the file does not exist'],
    ['file/below', 'a part of its path is not a directory'],
    ['empty', 'it is a directory; name a file'],
    ['circle', 'its symbolic links form a loop'],
  ])('of --config: %s', async (name, reason) => {
    const args = ['publish', 'orders', '--value', '1', '--log-dir', path('new'), '--config', path(name)];
    const ran = await genrocks(args);
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringMatching(
        `^genrocks: INVALID_CONFIG: configuration file ${path(name)} cannot be read: ${reason}`,
      ) as string,
    ]);
    expect(ran.err).not.toMatch(RAW);
  });

  it('is told by what the system says of it, and a full device by its own code', () => {
    const refused = (code: string, at?: string) =>
      toCodedError(Object.assign(new Error(`${code}: raw`), { code, syscall: 'open', path: at }));
    expect(refused('EACCES', '/data')).toMatchObject({
      code: 'IO_ERROR',
      retriable: false,
      message: '/data cannot be used: there is no permission; give it to this user, or name another',
    });
    expect(refused('ENOSPC')).toMatchObject({ code: 'WRITE_FAILED', retriable: true });
    // No path: a connection, say.
    expect(refused('ECONNRESET')).toMatchObject({ code: 'ECONNRESET' });
  });
});
