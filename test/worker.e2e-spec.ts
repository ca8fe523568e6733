import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./fixtures/worker-child.mjs', import.meta.url));

// Node ends a process that waits for nothing it knows of; the child's own timer does not count.
it.each([
  ['a consumer group', 'group', ['all of it has run', 'waited']],
  ['a stream of messages', 'stream', ['waited', 'all of it has run']],
])(
  'a process without a server goes on while %s waits, and ends after close()',
  async (_what, mode, lines) => {
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, mode]);
    expect(stdout.trim().split('\n')).toEqual(lines);
  },
);
