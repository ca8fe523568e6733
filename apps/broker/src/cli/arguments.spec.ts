import { expect, it } from 'vitest';
import { genrocks } from './__fixtures__/cli.js';

it.each([
  [['topic', 'delete', 'orders', 'payments', '--yes'], "too many arguments for 'delete'"],
  [['publish', 'orders', 'hello', '--value', '1'], "too many arguments for 'publish'"],
  [['log', 'verify', 'one', 'other'], "too many arguments for 'verify'"],
  [['serve', 'now'], "too many arguments for 'serve'"],
  [['topic', 'lits'], 'unknown command \'lits\'; see "genrocks topic --help"'],
  [['group', 'nope'], 'unknown command \'nope\'; see "genrocks group --help"'],
])('%j is refused, not done in part', async (args, message) => {
  const { code, out, err } = await genrocks(args);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(message);
});

it.each([
  [['topic', 'describe', '--json'], "missing required argument 'topic'"],
  [['topic', 'list', '--josn', '--json'], "unknown option '--josn'"],
  [['lits', '--json'], "unknown command 'lits'"],
])('with --json a mistake in the arguments is told as JSON: %j', async (args, message) => {
  const { code, err } = await genrocks(args);
  expect(code).toBe(1);
  const [line] = err.split('\n');
  expect(JSON.parse(line!)).toMatchObject({
    error: { code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) as string },
  });
});

it.each([
  [['consume', 'orders', '--columns', 'offset'], '--columns: has no effect without --out'],
  [['consume', 'orders', '--restart'], '--restart: has no effect without --out'],
  [
    ['consume', 'orders', '--out', 'orders.jsonl', '--columns', 'key'],
    '--columns: has no effect without CSV',
  ],
  [['publish', 'orders', '--value', '1', '--key-field', 'id'], '--key-field: has no effect without --file'],
  [
    ['publish', 'orders', '--text', 'a', '--position-file', 'x'],
    '--position-file: has no effect without --file',
  ],
])('%j is refused, because an option would be ignored', async (args, message) => {
  const { code, err } = await genrocks([...args, '--url', 'http://127.0.0.1:9']);
  expect({ code, err }).toEqual({ code: 1, err: `genrocks: INVALID_ARGUMENT: ${message}\n` });
});
