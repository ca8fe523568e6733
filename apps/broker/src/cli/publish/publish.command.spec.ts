import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { type Message, TopicsService } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench } from '../__fixtures__/cli.js';

describe('genrocks publish', () => {
  let bench: CliBench;
  let topics: TopicsService;
  let counter = 0;
  beforeAll(async () => {
    bench = await CliBench.start({ limits: { max_message_bytes: '64KB' } });
    topics = bench.app.get(TopicsService);
  });
  afterAll(() => bench.close());

  const newTopic = () => `topic-${counter++}`;

  async function all(topic: string): Promise<Message[]> {
    const messages: Message[] = [];
    if (!topics.hasTopic(topic)) return messages;
    for await (const message of topics.topic(topic).messages({ live: false })) messages.push(message);
    return messages;
  }
  const values = async (topic: string) => (await all(topic)).map(({ value }) => value);

  async function file(name: string, text: string): Promise<string> {
    const path = bench.path(`${counter}-${name}`);
    await writeFile(path, text);
    return path;
  }

  it('publishes one message, with all that belongs to it', async () => {
    const topic = newTopic();
    const args = ['-k', 'ada', '-v', '{"id": 1}', '-H', 'a=1', '-H', 'b=x=y', '-p', '0'];
    expect(await bench.run(['publish', topic, ...args])).toEqual({ code: 0, out: `${topic}/0@0\n`, err: '' });
    await bench.run(['publish', topic, '--text', 'no "json"', '--json']);
    await bench.run(['publish', topic, '--tombstone', '--key', 'ada']);
    const messages = await all(topic);
    expect(messages.map(({ key, value, headers }) => [key, value, headers])).toEqual([
      ['ada', { id: 1 }, { a: '1', b: 'x=y' }],
      [null, 'no "json"', {}],
      ['ada', null, {}],
    ]);
  });

  it('publishes lines of JSON by a key field, and changes no number on the way', async () => {
    const topic = newTopic();
    const lines = [
      '{"id":"a","n":1.50}',
      '',
      '{"id":7,"n":12345678901234567890}\r',
      '{"id":null}',
      '{"id":true}',
    ];
    const path = await file('in.jsonl', lines.join('\n'));
    const ran = await bench.run(['publish', topic, '--file', path, '--key-field', 'id', '--json']);
    expect(ran).toMatchObject({ code: 0 });
    expect(JSON.parse(ran.out)).toEqual({ topic, published: 4, resumed_at: 0, complete: true });
    expect(ran.err).toMatch(/^genrocks: published 4 message\(s\), 0\.0 MB \(100%\), [\d,]+\/s\n$/);
    const messages = await all(topic);
    expect(messages.map(({ key }) => key)).toEqual(['a', '7', null, 'true']);
    expect(messages[1]!.valueBytes!.toString()).toBe('{"id":7,"n":12345678901234567890}');
    expect(existsSync(`${path}.${topic}.position`)).toBe(false);
  });

  it('publishes CSV, with quotes, line ends and other alphabets in it', async () => {
    const topic = newTopic();
    const path = await file('in.csv', '\uFEFFid,näme\r\n1,"a ""q"", ü\r\nb"\r\n\r\n2,žluť\r\n3,');
    const ran = await bench.run(['publish', topic, '-f', path, '--key-field', 'id', '-q']);
    expect(ran).toEqual({ code: 0, out: '', err: '' });
    expect((await all(topic)).map(({ key, value }) => [key, value])).toEqual([
      ['1', { id: '1', näme: 'a "q", ü\r\nb' }],
      ['2', { id: '2', näme: 'žluť' }],
      ['3', { id: '3', näme: '' }],
    ]);
  });

  it('publishes standard input, and what consume printed', async () => {
    const first = newTopic();
    await bench.run(['publish', first, '--file', '-', '--format', 'lines', '-k', 'k'], { stdin: 'one\ntwo' });
    expect(await values(first)).toEqual(['one', 'two']);
    const printed = await bench.run(['consume', first, '--json']);
    const second = newTopic();
    await bench.run(['publish', second, '-f', '-', '--format', 'messages', '-H', 'from=there'], {
      stdin: printed.out,
    });
    expect((await all(second)).map(({ key, value, headers }) => [key, value, headers])).toEqual([
      ['k', 'one', { from: 'there' }],
      ['k', 'two', { from: 'there' }],
    ]);
    const [a, b] = [await all(first), await all(second)];
    expect(b.map(({ timestamp }) => timestamp)).toEqual(a.map(({ timestamp }) => timestamp));
  });

  it.each([
    ['in.jsonl', '{"id":1}\n{"id":2}\nnonsense\n{"id":4}\n', 'record 3: is not JSON'],
    ['in.jsonl', '{"id":1}\n{"id":2}\n{"no":3}\n', 'record 3: the field "id" (--key-field) is missing'],
    ['in.csv', 'id\n1\n2\n3,too,many\n', 'record 3: Invalid Record Length'],
  ])(
    'stops at a mistake in %s, names the record, and goes on there when it is mended',
    async (name, text, reason) => {
      const topic = newTopic();
      const path = await file(name, text);
      const args = ['publish', topic, '-f', path, '--key-field', 'id', '-q'];
      const ran = await bench.run(args);
      expect(ran.code).toBe(1);
      expect(ran.err).toContain(`genrocks: INVALID_RECORD: ${reason}`);
      expect(await values(topic)).toHaveLength(2);
      const mended = text.split('\n').slice(0, name.endsWith('csv') ? 3 : 2);
      await writeFile(path, `${[...mended, name.endsWith('csv') ? '33' : '{"id":33}'].join('\n')}\n`);
      const again = await bench.run(args);
      expect(again.err).toMatch(/resuming after record 2/);
      expect(again.code).toBe(0);
      expect((await all(topic)).map(({ key }) => key)).toEqual(['1', '2', '33']);
    },
  );

  it('says in one line of bearable length that a file is no CSV', async () => {
    const noise = Buffer.concat([
      Buffer.from([0, 1, 0x1b, 0x41]),
      Buffer.alloc(50_000, 2),
      Buffer.from('"x'),
    ]);
    const path = bench.path('noise.csv');
    await writeFile(path, noise);
    const ran = await bench.run(['publish', newTopic(), '-f', path, '-q']);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(
      /^genrocks: INVALID_RECORD: record 1: [ -~]{20,203}; fix it, or give the format of the file with --format\n$/,
    );
  });

  it('names the record that the broker refuses, and goes on there', async () => {
    const topic = newTopic();
    const lines = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ i, pad: i === 12 ? 'x'.repeat(70_000) : '' }),
    );
    const path = await file('in.jsonl', lines.join('\n'));
    const ran = await bench.run(['publish', topic, '-f', path, '--json', '-q']);
    expect(ran.code).toBe(1);
    const { error } = JSON.parse(ran.err) as { error: { code: string; details: { record: number } } };
    expect(error.code).toBe('MESSAGE_TOO_LARGE');
    const stored = (await values(topic)).length;
    const position = JSON.parse(await readFile(`${path}.${topic}.position`, 'utf8')) as { records: number };
    expect(position.records).toBe(stored);
  });

  it('goes on after an interruption, and only then', async () => {
    const topic = newTopic();
    const path = await file('in.jsonl', '{"n":0}\n{"n":1}\n');
    // What a run that was killed leaves behind.
    const stop = new AbortController();
    const pipe = new PassThrough();
    pipe.write('{"n":"piped"}\n');
    const running = bench.run(['publish', topic, '-f', '-'], { stdin: pipe, signal: stop.signal });
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    expect((await running).code).toBe(130);

    const bad = await file('part.jsonl', '{"n":0}\nbad');
    expect((await bench.run(['publish', topic, '-f', bad])).code).toBe(1);
    await writeFile(bad, 'something else\nentirely');
    const other = await bench.run(['publish', topic, '-f', bad]);
    expect(other.err).toMatch(/POSITION_MISMATCH: .* has changed; start again with --restart/);
    expect(
      (await bench.run(['publish', topic, '-f', bad, '--format', 'lines', '--restart', '-q'])).code,
    ).toBe(0);

    expect((await bench.run(['publish', topic, '-f', path])).code).toBe(0);
    await appendFile(path, '{"n":2}\n');
    const before = (await values(topic)).length;
    expect((await bench.run(['publish', topic, '-f', path])).code).toBe(0);
    expect((await values(topic)).length).toBe(before + 3);
  });

  it('does not go on in a topic that was created again', async () => {
    const topic = newTopic();
    const path = await file('in.jsonl', '{"n":0}\n{"n":1}\nbad\n');
    const args = ['publish', topic, '-f', path, '-q'];
    expect((await bench.run(args)).code).toBe(1);
    await writeFile(path, '{"n":0}\n{"n":1}\n{"n":2}\n');
    await topics.deleteTopic(topic);
    const message = /POSITION_MISMATCH: .* was deleted or created again/;
    expect((await bench.run(args)).err).toMatch(message);
    await topics.startTopic(topic);
    expect((await bench.run(args)).err).toMatch(message);
    expect(await values(topic)).toEqual([]);
    expect((await bench.run([...args, '--restart'])).code).toBe(0);
    expect(await values(topic)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  });

  it('stores nothing twice in a topic with dedup, whatever is repeated', async () => {
    const topic = newTopic();
    await bench.run(['topic', 'create', topic, '--dedup-window-ms', '600000']);
    for (let i = 0; i < 2; i++) await bench.run(['publish', topic, '--id', 'one', '-v', '1']);
    const path = await file('in.jsonl', '{"n":"a"}\n{"n":"b"}\nbad\n');
    const args = ['publish', topic, '-f', path, '-q'];
    expect((await bench.run(args)).code).toBe(1);
    // As if it had been killed before it noted how far it was.
    const position = `${path}.${topic}.position`;
    const noted = JSON.parse(await readFile(position, 'utf8')) as { run: string };
    const empty = createHash('sha256').digest('hex');
    await writeFile(position, JSON.stringify({ ...noted, records: 0, bytes: 0, fingerprint: empty }));
    await writeFile(path, '{"n":"a"}\n{"n":"b"}\n{"n":"c"}\n');
    expect((await bench.run(args)).code).toBe(0);
    expect(await values(topic)).toEqual([1, { n: 'a' }, { n: 'b' }, { n: 'c' }]);
    for (let i = 0; i < 2; i++) expect((await bench.run([...args, '--id-field', 'n'])).code).toBe(0);
    expect((await all(topic)).map(({ id }) => id)).toEqual([
      'one',
      ...[1, 2, 3].map((n) => `${noted.run}:${n}`),
      ...['a', 'b', 'c'],
    ]);
  });

  it('wants exactly one thing to publish', async () => {
    expect((await bench.run(['publish', 'x'])).err).toContain('give one of --value');
    expect((await bench.run(['publish', 'x', '-v', '1', '-t', '1'])).code).toBe(1);
    expect((await bench.run(['publish', 'x', '-v', '{'])).err).toContain('is not JSON');
    expect((await bench.run(['publish', 'x', '-f', '/nonexistent'])).err).toContain(
      'cannot be read: it does not exist',
    );
    expect((await bench.run(['publish', 'x', '-f', '-', '--format', 'xml'])).err).toContain(
      '--format: "xml"',
    );
  });
});
