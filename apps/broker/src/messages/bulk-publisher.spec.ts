import { PassThrough, Readable } from 'node:stream';
import { GenRocksError, isGenRocksError } from '@genrocks/storage';
import { PartiallyPublishedError, type PublishMessage, type PublishResult } from '@genrocks/topics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOwnFault, toProblem } from '../http/problem.js';
import { PartialBatchError, publishLines } from './bulk-publisher.js';
import { type NdjsonLimits, readLines } from './ndjson.js';

const LIMITS: NdjsonLimits = { maxLineBytes: 1000, pauseMs: 60_000 };

async function linesOf(body: Readable, limits = LIMITS): Promise<[number, string][]> {
  const lines: [number, string][] = [];
  for await (const page of readLines(body, limits)) {
    for (const { number, bytes } of page) lines.push([number, bytes.toString()]);
  }
  return lines;
}

/** A topic of one partition that fails from the message on that it is told. */
function fakeTopic(failAt = Infinity) {
  const stored: unknown[] = [];
  const publish = async (messages: PublishMessage[]): Promise<PublishResult[]> => {
    if (stored.length + messages.length > failAt) throw new GenRocksError('NO_SPACE', 'full', true);
    return messages.map(({ value }) => {
      stored.push(value);
      return { topic: 't', partition: 0, offset: stored.length - 1, timestamp: 0 };
    });
  };
  return { stored, publish };
}

describe('readLines', () => {
  it('finds the same lines however the body is cut into chunks', async () => {
    const lineText = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '"'), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(lineText),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (texts, size, crlf) => {
          const bytes = Buffer.from(texts.join(crlf ? '\r\n' : '\n'));
          const chunks = [];
          for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size));
          const expected = texts.map((text, i) => [i + 1, text]).filter(([, text]) => text !== '');
          expect(await linesOf(Readable.from(chunks, { objectMode: false }))).toEqual(expected);
        },
      ),
    );
  });

  it('refuses a line that is too long, complete or not, after giving those before', async () => {
    for (const tail of ['x'.repeat(1001), `${'x'.repeat(1001)}\nafter`]) {
      const seen: string[] = [];
      const read = async () => {
        const body = Readable.from([Buffer.from(`first\n${tail}`)], { objectMode: false });
        for await (const page of readLines(body, LIMITS))
          seen.push(...page.map(({ bytes }) => bytes.toString()));
      };
      await expect(read()).rejects.toThrow(/line 2 has more than 1000 bytes, http\.max_line_bytes/);
      expect(seen).toEqual(['first']);
    }
  });

  it('notices a client that pauses for too long, or goes away', async () => {
    const paused = new PassThrough();
    paused.write('first\n');
    await expect(linesOf(paused, { ...LIMITS, pauseMs: 20 })).rejects.toMatchObject({ code: 'BODY_TIMEOUT' });
    const gone = new PassThrough();
    gone.write('first\nsec');
    setImmediate(() => gone.destroy());
    await expect(linesOf(gone)).rejects.toMatchObject({ code: 'BODY_INCOMPLETE' });
  });
});

describe('publishLines', () => {
  const upload = (text: string, topic: ReturnType<typeof fakeTopic>) =>
    publishLines(
      't',
      readLines(Readable.from([Buffer.from(text)], { objectMode: false }), LIMITS),
      topic.publish,
    );

  it('counts what was stored by partition', async () => {
    const topic = fakeTopic();
    const text = Array.from({ length: 2500 }, (_, i) => `{"value":${i}}`).join('\n');
    expect(await upload(text, topic)).toEqual({
      topic: 't',
      count: 2500,
      partitions: [{ partition: 0, count: 2500, first_offset: 0, last_offset: 2499 }],
    });
    expect(topic.stored).toEqual(Array.from({ length: 2500 }, (_, i) => i));
    expect(await upload('\n\n', fakeTopic())).toEqual({ topic: 't', count: 0, partitions: [] });
  });

  it.each([
    ['nonsense', 'INVALID_JSON'],
    ['{"valu": 1}', 'INVALID_MESSAGE'],
    ['{"value": 12345678901234567890}', 'INEXACT_NUMBER'],
  ])('stops at the bad line %j: all before it is stored, nothing after it', async (bad, code) => {
    const topic = fakeTopic();
    const error: unknown = await upload(`{"value":1}\n\n{"value":2}\n${bad}\n{"value":3}`, topic).catch(
      (e: unknown) => e,
    );
    expect(isGenRocksError(error, code)).toBe(true);
    const { message, details } = error as GenRocksError;
    expect(message).toMatch(/^line 4: /);
    expect(details).toMatchObject({ line: 4, acknowledged: { count: 2, partitions: [{ last_offset: 1 }] } });
    expect(topic.stored).toEqual([1, 2]);
  });

  it('says what was stored before storage failed', async () => {
    const topic = fakeTopic(1500);
    const text = Array.from({ length: 2500 }, (_, i) => `{"value":${i}}`).join('\n');
    const error: unknown = await upload(text, topic).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'NO_SPACE',
      retriable: true,
      details: { line: 1001, acknowledged: { count: 1000 } },
    });
  });
});

describe('publishLines, where some partitions store their part and others do not', () => {
  it('names the lines that were not stored, and nothing that is not there', async () => {
    const stored = { topic: 't', partition: 1, offset: 7, timestamp: 0 };
    const full = new GenRocksError('NO_SPACE', 'the device is full', true);
    const text = '{"value":1}\n\n{"value":2}\n{"value":3}\n{"value":4}\n';
    const upload = publishLines(
      't',
      readLines(Readable.from([Buffer.from(text)], { objectMode: false }), LIMITS),
      () => Promise.reject(new PartiallyPublishedError([stored, undefined, stored, undefined], full)),
    );
    const error: unknown = await upload.catch((e: unknown) => e);
    expect(toProblem(error)).toMatchObject({
      code: 'PARTIALLY_PUBLISHED',
      retriable: false,
      detail:
        'line 3: 2 of 4 messages were not stored: the device is full; publish those listed in details.missing again',
      details: { line: 3, missing: [3, 5], acknowledged: { count: 2 } },
    });
    expect(isOwnFault(error)).toBe(false);
  });
});

describe('PartialBatchError', () => {
  it('names the messages that were not stored', () => {
    const stored = { topic: 't', partition: 1, offset: 7, timestamp: 0 };
    const cause = new GenRocksError('NO_SPACE', 'the device is full', true);
    const error = new PartialBatchError(
      't',
      new PartiallyPublishedError([undefined, stored, undefined], cause),
    );
    expect(toProblem(error)).toMatchObject({
      code: 'PARTIALLY_PUBLISHED',
      detail: expect.stringContaining('the device is full') as string,
      details: {
        missing: [0, 2],
        acknowledged: { count: 1, partitions: [{ partition: 1, last_offset: 7 }] },
      },
    });
  });
});
