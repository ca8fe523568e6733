import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import * as storage from './index.js';
import { GenRocksError, isError, isGenRocksError, StorageError } from './index.js';

const cause = new Error('the disk said no');

const ERRORS: [GenRocksError, code: string, retriable: boolean][] = [
  [new storage.StoreClosedError('store a/0'), 'STORE_CLOSED', false],
  [new storage.LockedError('store a/0', 42), 'LOCKED', true],
  [new storage.InvalidTopicNameError('..', 'because'), 'INVALID_TOPIC_NAME', false],
  [new storage.InvalidArgumentError('limit must be a number', { limit: 'x' }), 'INVALID_ARGUMENT', false],
  [new storage.InvalidConfigError(['a: wrong', 'b: wrong']), 'INVALID_CONFIG', false],
  [new storage.TooLargeError('the key', 2000, 1024), 'TOO_LARGE', false],
  [new storage.NoSpaceError('store a/0', cause), 'NO_SPACE', true],
  [new storage.LogFullError('store a/0', 10, 10), 'LOG_FULL', false],
  [new storage.RetentionFullError('store a/0'), 'RETENTION_FULL', true],
  [new storage.LogCorruptError('store a/0', 'bad checksum', { offset: 7 }), 'LOG_CORRUPT', false],
  [new storage.NeedRepairError('store a/0'), 'NEED_REPAIR', false],
  [new storage.SyncFailedError('store a/0', cause), 'SYNC_FAILED', false],
  [new storage.OwnershipLostError('store a/0'), 'OWNERSHIP_LOST', false],
  [new storage.StorageIoError('could not read', cause, true), 'IO_ERROR', true],
  [new storage.NotSupportedError('no transactions here'), 'NOT_SUPPORTED', false],
  [new storage.CodecError('bad JSON', cause), 'CODEC_FAILED', false],
];

describe('storage errors', () => {
  it.each(ERRORS)('%s carries its code', (error, code, retriable) => {
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code, retriable, name: error.constructor.name });
    expect(error.message).not.toBe('');
    expect(JSON.parse(JSON.stringify(error.details))).toEqual(error.details);
    expect(isGenRocksError(error)).toBe(true);
    expect(isGenRocksError(error, code)).toBe(true);
    expect(isGenRocksError(error, 'OTHER')).toBe(false);
  });

  it('cover every error class that is exported', () => {
    const classes = Object.values(storage).filter(
      (value) => typeof value === 'function' && value.prototype instanceof StorageError,
    );
    expect(new Set(ERRORS.map(([error]) => error.constructor))).toEqual(new Set(classes));
    expect(new Set(ERRORS.map(([, code]) => code)).size).toBe(ERRORS.length);
  });

  it('keep their cause, and have none where there was none', () => {
    expect(new storage.NoSpaceError('x', cause).cause).toBe(cause);
    expect('cause' in new storage.NoSpaceError('x')).toBe(false);
  });

  it('have one line per mistake in a configuration', () => {
    const error = new storage.InvalidConfigError(['a: wrong', 'b: wrong']);
    expect(error.message.split('\n')).toEqual(error.problems);
  });

  it('cut hostile names short', () => {
    const error = new storage.InvalidTopicNameError('x'.repeat(1e6), 'it is too long');
    expect(error.message.length).toBeLessThan(200);
    expect(new storage.InvalidTopicNameError('a\nb\0', 'no').message).toContain('"a\\nb\\u0000"');
  });
});

describe('isGenRocksError', () => {
  it('recognises errors of another copy of the package, and no others', () => {
    const foreign = Object.assign(new Error('x'), { code: 'LOCKED', retriable: true });
    expect(isGenRocksError(foreign, 'LOCKED')).toBe(true);
    const enoent = Object.assign(new Error('x'), { code: 'ENOENT' });
    for (const other of [
      enoent,
      new Error('x'),
      null,
      undefined,
      'LOCKED',
      { code: 'LOCKED', retriable: true },
    ]) {
      expect(isGenRocksError(other)).toBe(false);
    }
  });
});

it('recognises an error of another realm, such as the one in which Jest runs a test', () => {
  const foreign: unknown = vm.runInNewContext('new RangeError("far away")');
  expect(foreign).not.toBeInstanceOf(Error);
  expect([foreign, new TypeError(), new DOMException('aborted', 'AbortError')].map(isError)).toEqual([
    true,
    true,
    true,
  ]);
  expect([{ message: 'no', stack: '' }, 'no', null, undefined].map(isError)).not.toContain(true);
});
