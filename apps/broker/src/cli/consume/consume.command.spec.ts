import { existsSync } from 'node:fs';
import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { TopicsService } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench } from '../__fixtures__/cli.js';
import { WriteFailedError } from '../write-errors.js';

describe('genrocks consume', () => {
  let bench: CliBench;
  let topics: TopicsService;
  let counter = 0;
  beforeAll(async () => {
    bench = await CliBench.start();
    topics = bench.app.get(TopicsService);
  });
  afterAll(() => bench.close());

  async function topicOf(count: number, partitions = 2): Promise<string> {
    const name = `topic-${counter++}`;
    await topics.startTopic(name, { partitions });
    await add(name, 0, count);
    return name;
  }

  async function add(name: string, from: number, to: number): Promise<void> {
    const { partitionCount } = topics.topic(name).describe();
    const messages = Array.from({ length: to - from }, (_, i) => ({
      key: `k${from + i}`,
      value: { n: from + i, text: 'a "b",\nc' },
      partition: (from + i) % partitionCount,
      timestamp: 1_000 * (from + i + 1),
    }));
    if (messages.length > 0) await topics.publishBatch(name, messages);
  }

  const numbers = (text: string) =>
    text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { value: { n: number } }).value.n)
      .sort((a, b) => a - b);
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

  it('prints messages for people and for scripts', async () => {
    const topic = await topicOf(1, 1);
    const people = await bench.run(['consume', topic]);
    expect(people.out).toBe(`${topic}/0@0  1970-01-01T00:00:01.000Z  k0  {"n":0,"text":"a \\"b\\",\\nc"}\n`);
    expect(people.err).toBe('');
    const json = await bench.run(['consume', topic, '--json']);
    expect(JSON.parse(json.out)).toEqual({
      topic,
      partition: 0,
      offset: 0,
      timestamp: 1_000,
      key: 'k0',
      value: { n: 0, text: 'a "b",\nc' },
      headers: {},
    });
  });

  it('begins at a place and ends after so many', async () => {
    const topic = await topicOf(3_000);
    expect(numbers((await bench.run(['consume', topic, '--json'])).out)).toEqual(upTo(3_000));
    const late = await bench.run(['consume', topic, '--json', '--from', '1970-01-01T00:49:59Z']);
    expect(numbers(late.out)).toEqual([2_998, 2_999]);
    const some = await bench.run([
      'consume',
      topic,
      '--json',
      '--from',
      '1498',
      '--partition',
      '1',
      '-n',
      '1',
    ]);
    expect(numbers(some.out)).toEqual([2_997]);
    expect((await bench.run(['consume', topic, '--from', 'latest'])).out).toBe('');
    expect((await bench.run(['consume', topic, '--from', 'soon'])).err).toMatch(
      /--from: "soon" is not allowed/,
    );
    expect((await bench.run(['consume', topic, '--partition', '7'])).err).toContain('it');
  });

  it('commits for a group what it has printed', async () => {
    const topic = await topicOf(10);
    const run = (...more: string[]) => bench.run(['consume', topic, '--group', 'watch', '--json', ...more]);
    const first = numbers((await run('--limit', '3')).out);
    expect(first).toHaveLength(3);
    const rest = numbers((await run()).out);
    expect([...first, ...rest].sort((a, b) => a - b)).toEqual(upTo(10));
    expect((await run()).out).toBe('');
    await add(topic, 10, 12);
    expect(numbers((await run()).out)).toEqual([10, 11]);
  });

  it('prints nothing for a group that could not commit it', async () => {
    const topic = await topicOf(1);
    const ran = await bench.run(['consume', topic, '--group', 'x'.repeat(256)]);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('INVALID_GROUP');
  });

  it('leaves a group with members alone', async () => {
    const topic = await topicOf(1);
    const group = await topics.startConsumerGroup({ group: 'owners', topics: [topic], handler: () => {} });
    const ran = await bench.run(['consume', topic, '--group', 'owners']);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('GROUP_NOT_EMPTY');
    await group.stop();
  });

  it('writes a file that goes on behind what it holds, whatever was torn off it', async () => {
    const topic = await topicOf(100);
    const path = bench.path('out.jsonl');
    const run = (...more: string[]) => bench.run(['consume', topic, '--out', path, ...more]);
    const first = await run('--limit', '30', '--json');
    expect(JSON.parse(first.out)).toMatchObject({ topic, consumed: 30 });
    expect(first.err).toMatch(/consumed 30 message/);
    // Written, but not noted as safe before the kill.
    await appendFile(path, '{"topic":"x","value":{"n":-1}}\n{"topic":"x","val');
    const second = await run();
    expect(second.err).toMatch(/after \d+ bytes; cut off 48 bytes of an unfinished write/);
    expect(numbers(await readFile(path, 'utf8'))).toEqual(upTo(100));
    await add(topic, 100, 105);
    await run('-q');
    expect(numbers(await readFile(path, 'utf8'))).toEqual(upTo(105));

    await truncate(path, 10);
    expect((await run()).err).toMatch(/POSITION_MISMATCH: .*the file has 10 bytes/);
    expect((await run('--restart', '--from', '51')).code).toBe(0);
    expect(numbers(await readFile(path, 'utf8'))).toEqual([102, 103, 104]);
    await topics.deleteTopic(topic);
    await topics.startTopic(topic);
    expect((await run()).err).toMatch(/POSITION_MISMATCH: .*was deleted and created again/);
  });

  it('does not write over a file it knows nothing of', async () => {
    const topic = await topicOf(1);
    const path = bench.path('mine.jsonl');
    await writeFile(path, 'mine');
    const ran = await bench.run(['consume', topic, '-o', path]);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/overwrite it with --restart/);
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('says in words why a file cannot be written', async () => {
    const topic = await topicOf(1);
    const missing = bench.path('nowhere/out.jsonl');
    const ran = await bench.run(['consume', topic, '-o', missing]);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toBe(
      `genrocks: WRITE_FAILED: ${missing} cannot be written: its directory does not exist; create it, or name another file\n`,
    );
    const directory = await bench.run(['consume', topic, '-o', bench.directory]);
    expect(directory.err).toBe(
      `genrocks: INVALID_ARGUMENT: --out: ${bench.directory} is not a file; name a file, or omit --out to write to standard output\n`,
    );
    await writeFile(bench.path('plain'), '');
    const position = bench.path('plain/position');
    const withPositionIn = async (out: string, file: string) => {
      const args = ['consume', topic, '-o', bench.path(out), '--position-file', file, '--json'];
      return JSON.parse((await bench.run(args)).err) as unknown;
    };
    expect(await withPositionIn('out2.jsonl', position)).toMatchObject({
      error: { code: 'POSITION_MISMATCH' },
    });
    const nowhere = bench.path('nowhere/position');
    expect(await withPositionIn('out3.jsonl', nowhere)).toMatchObject({
      error: { code: 'WRITE_FAILED', retriable: false, details: { errno: 'ENOENT' } },
    });
  });

  it.runIf(existsSync('/dev/full'))('says that a device is full', async () => {
    const full = new WriteFailedError(
      'out',
      await appendFile('/dev/full', 'x').then(
        () => expect.unreachable(),
        (error: NodeJS.ErrnoException) => error,
      ),
    );
    expect(full).toMatchObject({ code: 'WRITE_FAILED', retriable: true });
    expect(full.message).toBe('out cannot be written: the device is full; free some space and try again');
    const topic = await topicOf(1);
    expect((await bench.run(['consume', topic, '-o', '/dev/full'])).err).toContain(
      'INVALID_ARGUMENT: --out: /dev/full is not a file',
    );
  });

  it('writes CSV that publish reads back', async () => {
    const topic = await topicOf(3, 1);
    const path = bench.path('out.csv');
    await bench.run([
      'consume',
      topic,
      '-o',
      path,
      '--columns',
      'offset,key,value.n,value.text,value.none,value',
    ]);
    expect(await readFile(path, 'utf8')).toMatch(
      /^offset,key,value\.n,value\.text,value\.none,value\n0,k0,0,"a ""b"",\nc",,"\{""n"":0,/,
    );
    const copy = `${topic}-copy`;
    await bench.run(['publish', copy, '-f', path, '--key-field', 'key', '-q']);
    const read = await topics.topic(copy).partition(0).readMessages({ offset: 0 });
    expect(
      read.messages.map(({ key, value }) => [key, (value as Record<string, string>)['value.text']]),
    ).toEqual(upTo(3).map((n) => [`k${n}`, 'a "b",\nc']));
    const wrong = await bench.run([
      'consume',
      topic,
      '-o',
      bench.path('x.csv'),
      '--columns',
      'offset,colour',
    ]);
    expect(wrong.err).toMatch(/--columns: "colour" is not allowed/);
  });

  it('follows until it is told to end, and has committed then', async () => {
    const topic = await topicOf(2);
    const path = bench.path('live.jsonl');
    const stop = new AbortController();
    const running = bench.run(['consume', topic, '--follow', '-o', path, '-g', 'live', '-q'], {
      signal: stop.signal,
    });
    const seen = async () => numbers(await readFile(path, 'utf8').catch(() => ''));
    await expect.poll(seen).toEqual([0, 1]);
    await add(topic, 2, 5);
    await expect.poll(seen).toEqual(upTo(5));
    await expect.poll(async () => (await topics.groups.describe('live')).lag).toBe(0);
    stop.abort();
    expect((await running).code).toBe(0);
    expect(await seen()).toEqual(upTo(5));
  });

  it('says what retention took before it came', async () => {
    const topic = await topicOf(4, 1);
    await bench.run(['consume', topic, '--group', 'late', '--limit', '1']);
    await topics.topic(topic).truncate();
    await add(topic, 4, 6);
    const ran = await bench.run(['consume', topic, '--group', 'late', '--json']);
    expect(ran.err).toBe(
      `genrocks: ${topic}/0: offsets 1 to 3 were dropped by retention before they were read\n`,
    );
    expect(numbers(ran.out)).toEqual([4, 5]);
  });
});
