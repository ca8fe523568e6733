import { describe, expect, it } from 'vitest';
import { parseMessage } from './message.parser.js';

function problemsOf(json: unknown, where = ''): string[] {
  const problems: string[] = [];
  parseMessage(json, where, problems);
  return problems;
}

describe('parseMessage', () => {
  it('takes every field', () => {
    const problems: string[] = [];
    const json = {
      key: 'k',
      value: { a: [1, null] },
      headers: { source: 'shop' },
      headers_base64: { trace: 'AAE=' },
      partition: 2,
      timestamp: 1,
      id: 'order-7',
      metadata: { by: 'me' },
    };
    expect(parseMessage(json, '', problems)).toEqual({
      key: 'k',
      value: { a: [1, null] },
      headers: { source: 'shop', trace: Buffer.from([0, 1]) },
      partition: 2,
      timestamp: 1,
      id: 'order-7',
      metadata: { by: 'me' },
    });
    expect(problems).toEqual([]);
  });

  it.each([null, false, 0, '', 'text', [], {}])('takes %j as a value', (value) => {
    const problems: string[] = [];
    expect(parseMessage({ value }, '', problems)).toEqual({ key: null, value });
    expect(problems).toEqual([]);
  });

  it('reads bytes in base64, padded or not', () => {
    const problems: string[] = [];
    const message = parseMessage({ key_base64: '/w', value_base64: '/w==' }, '', problems);
    expect(message).toEqual({ key: Buffer.from([0xff]), value: Buffer.from([0xff]) });
    expect(problemsOf({ value_base64: 'not base64!' })).toHaveLength(1);
    expect(problemsOf({ value_base64: 7 })).toHaveLength(1);
  });

  it('names every mistake with its place', () => {
    expect(
      problemsOf(
        { keyy: 1, key: 7, partition: -1, timestamp: 1.5, headers: { a: 1 }, id: 7, metadata: 1 },
        'messages[3]',
      ),
    ).toEqual([
      'messages[3].keyy: unknown field; did you mean key?',
      'messages[3].key: must be a string or null; write numbers as text',
      'messages[3].value: is missing; send null for a tombstone',
      'messages[3].headers.a: must be a string',
      'messages[3].partition: must be a whole number from 0',
      'messages[3].timestamp: must be a whole number from 0',
      'messages[3].id: must be a string',
      'messages[3].metadata: must be an object',
    ]);
    expect(problemsOf('text')[0]).toMatch(/^message: must be an object/);
    expect(problemsOf({ key: 'a', key_base64: 'YQ==', value: 1, value_base64: 'YQ==' })).toHaveLength(2);
  });

  it('refuses half a surrogate pair, which would become another key', () => {
    expect(problemsOf({ key: '\ud800', value: 1 })[0]).toMatch(/not valid Unicode/);
    expect(problemsOf({ key: '😀', value: 1 })).toEqual([]);
  });

  it('takes headers with names that objects treat specially', () => {
    const problems: string[] = [];
    const json: unknown = JSON.parse('{"value": 1, "headers": {"__proto__": "x"}}');
    const message = parseMessage(json, '', problems);
    expect(Object.entries(message!.headers!)).toEqual([['__proto__', 'x']]);
  });
});
