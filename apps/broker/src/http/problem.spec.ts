import {
  BadRequestException,
  HttpException,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import * as storage from '@genrocks/storage';
import { OffsetOutOfRangeError, PartiallyPublishedError, TopicNotFoundError } from '@genrocks/topics';
import { describe, expect, it } from 'vitest';
import { BodyTooLargeError, InvalidRequestError } from './http.errors.js';
import { STATUS_OF_CODE, toProblem } from './problem.js';

describe('toProblem', () => {
  it('gives an error of ours its code, status, type and title', () => {
    expect(toProblem(new TopicNotFoundError('orders'))).toEqual({
      type: 'urn:genrocks:problem:topic-not-found',
      title: 'Topic not found',
      status: 404,
      code: 'TOPIC_NOT_FOUND',
      retriable: false,
      detail: expect.stringContaining('"orders"') as string,
      details: { topic: 'orders' },
    });
  });

  it('writes details in snake_case', () => {
    expect(toProblem(new OffsetOutOfRangeError('orders', 0, 9, 2, 5))).toMatchObject({
      status: 416,
      details: { offset: 9, start_offset: 2, end_offset: 5 },
    });
  });

  it('lists every problem of a request', () => {
    const problem = toProblem(new InvalidRequestError(['a: wrong', 'b: missing']));
    expect(problem).toMatchObject({
      status: 400,
      detail: 'a: wrong; b: missing',
      problems: ['a: wrong', 'b: missing'],
    });
    expect(problem.details).toBeUndefined();
    expect(toProblem(new storage.InvalidConfigError(['x: unknown']))).toMatchObject({
      status: 400,
      problems: ['x: unknown'],
    });
  });

  it('names the limit that a body passed', () => {
    const problem = toProblem(new BodyTooLargeError('the body', 'http.max_body_bytes', 1024, 4096));
    expect(problem).toMatchObject({ status: 413, details: { limit: 1024, bytes: 4096 } });
    expect(problem.detail).toContain('http.max_body_bytes');
  });

  it.each([
    [new storage.LockedError('store'), 409, true],
    [new storage.NoSpaceError('store'), 507, true],
    [new storage.LogFullError('store', 2, 1), 507, false],
    [new storage.RetentionFullError('store'), 503, true],
    [new storage.StoreClosedError('store'), 503, false],
    [new storage.SyncFailedError('store'), 503, false],
    [new storage.LogCorruptError('store', 'torn'), 500, false],
    [new storage.NotSupportedError('no'), 501, false],
    [new storage.InvalidTopicNameError('../x', 'no'), 400, false],
    [new storage.TooLargeError('value', 2, 1), 413, false],
  ])('maps %s', (error, status, retriable) => {
    expect(toProblem(error)).toMatchObject({ status, retriable, code: error.code });
  });

  it('tells of a full device where only a part was stored, which is not to be sent again as a whole', () => {
    const stored = { topic: 't', partition: 0, offset: 0, timestamp: 0 };
    const part = (cause: Error) => toProblem(new PartiallyPublishedError([stored, undefined], cause));
    const code = 'PARTIALLY_PUBLISHED';
    expect(part(new storage.NoSpaceError('store'))).toMatchObject({ status: 507, code, retriable: false });
    expect(part(new storage.LogFullError('store', 2, 1))).toMatchObject({ status: 507, code });
    expect(part(new Error('x'))).toMatchObject({ status: 500, code, retriable: false });
  });

  it('knows every code of storage and topics', async () => {
    const topics: Record<string, unknown> = await import('@genrocks/topics');
    const sources = [...Object.values(storage), ...Object.values(topics)];
    const codes = sources.flatMap((value) => (typeof value === 'function' ? codeOf(value) : []));
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect(STATUS_OF_CODE, code).toHaveProperty(code);
  });

  it('tells nothing of the inside where the broker itself failed', () => {
    for (const error of [new Error('secret at /etc/x'), new TypeError('x is undefined'), 'text', undefined]) {
      const problem = toProblem(error);
      expect(problem).toMatchObject({ status: 500, code: 'INTERNAL_ERROR', retriable: false });
      expect(JSON.stringify(problem)).not.toMatch(/secret|undefined|stack/);
    }
  });

  it('turns the exceptions of the framework into problems', () => {
    expect(toProblem(new NotFoundException('Cannot GET /x'))).toMatchObject({
      code: 'NOT_FOUND',
      status: 404,
    });
    expect(toProblem(new HttpException('x', 415))).toMatchObject({
      code: 'UNSUPPORTED_MEDIA_TYPE',
      status: 415,
    });
    expect(toProblem(new HttpException('x', 418))).toMatchObject({ code: 'INVALID_REQUEST', status: 418 });
    expect(toProblem(new BadRequestException(['a', 'b']))).toMatchObject({
      problems: ['a', 'b'],
      detail: 'a; b',
    });
    const down = new ServiceUnavailableException({
      status: 'error',
      details: { log_dir: { status: 'down', message: 'the disk is full' }, partitions: { status: 'up' } },
    });
    expect(toProblem(down)).toMatchObject({
      code: 'NOT_READY',
      detail: 'log_dir: the disk is full',
      retriable: true,
      details: { log_dir: { status: 'down' } },
    });
  });
});

/** The code in the source of an error class; constructing each with the right arguments would say no more. */
function codeOf(value: unknown): string[] {
  const source = String(value);
  if (!source.startsWith('class') || !source.includes('extends')) return [];
  const match = /super\(\s*["']([A-Z_]+)["']/.exec(source);
  return match === null ? [] : [match[1]!];
}
