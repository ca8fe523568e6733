import { Type } from 'class-transformer';
import {
  Allow,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { describe, expect, it } from 'vitest';
import { InvalidConfigError } from '../errors.js';
import { checkOptions, IsSize, readEnv, type CheckOptions } from './index.js';

class LogOptions {
  @IsString()
  @IsNotEmpty()
  logDir = './data';

  @IsInt()
  @Min(1)
  @Max(65_000)
  maxNoFiles = 10;

  @IsSize({ min: 1024 })
  maxNoBytes = 10 * 1024 * 1024;

  @IsIn(['wrap', 'halt'])
  logType = 'wrap';

  @IsOptional()
  @IsBoolean()
  allow?: boolean;
}

class TopicOptions {
  @Matches(/^[a-z]+$/, { message: 'lower case letters' })
  name!: string;

  @Allow()
  settings?: Record<string, unknown>;
}

class RootOptions {
  @ValidateNested()
  @Type(() => LogOptions)
  diskLog = new LogOptions();

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => TopicOptions)
  topics?: TopicOptions[];
}

function problems(target: new () => object, values: unknown, options?: CheckOptions): readonly string[] {
  try {
    checkOptions(target, values, options);
  } catch (error) {
    if (error instanceof InvalidConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('checkOptions', () => {
  it('returns an instance with the defaults of its class', () => {
    const options = checkOptions(LogOptions, { maxNoFiles: 3 });
    expect(options).toBeInstanceOf(LogOptions);
    expect({ ...options }).toMatchObject({ logDir: './data', maxNoFiles: 3, maxNoBytes: 10_485_760 });
    expect(checkOptions(LogOptions, undefined).logDir).toBe('./data');
    expect(checkOptions(LogOptions, { logDir: null }).logDir).toBe('./data');
  });

  it('reports one line per mistake: the key with its path, the value as given, what is allowed', () => {
    const values = { max_no_files: 'abc', log_type: 7, allow: 'perhaps', max_no_bytes: '1', log_dir: '' };
    expect(problems(LogOptions, values, { where: 'storage.disk_log', naming: 'snake' }).toSorted()).toEqual([
      'storage.disk_log.allow: "perhaps" is not allowed; true or false',
      'storage.disk_log.log_dir: "" is not allowed; text that is not empty',
      'storage.disk_log.log_type: 7 is not allowed; one of wrap, halt',
      'storage.disk_log.max_no_bytes: "1" is not allowed; a size in bytes or with a unit, such as 10MB, at least 1KB',
      'storage.disk_log.max_no_files: "abc" is not allowed; a whole number from 1 to 65000',
    ]);
    expect(problems(LogOptions, { maxNoFiles: '70000' })).toEqual([
      'maxNoFiles: "70000" is not allowed; a whole number from 1 to 65000',
    ]);
  });

  it('refuses unknown keys and guesses what was meant', () => {
    const snake: CheckOptions = { where: 'storage.disk_log', naming: 'snake' };
    expect(problems(LogOptions, { log_dirr: 1, logType: 'wrap', colour: 'red' }, snake)).toEqual([
      'storage.disk_log.log_dirr: unknown option; did you mean log_dir?',
      'storage.disk_log.logType: unknown option; did you mean log_type?',
      'storage.disk_log.colour: unknown option; allowed are log_dir, max_no_files, max_no_bytes, log_type, allow',
    ]);
    expect(problems(LogOptions, JSON.parse('{"__proto__": {"logDir": 1}}'))).toHaveLength(1);
  });

  it('reads numbers, sizes and booleans from text', () => {
    const values = { maxNoFiles: ' 12 ', maxNoBytes: '50MB', allow: 'TRUE' };
    expect(checkOptions(LogOptions, values)).toMatchObject({
      maxNoFiles: 12,
      maxNoBytes: 50 * 1024 * 1024,
      allow: true,
    });
    expect(problems(LogOptions, { maxNoFiles: '1.5' })).toHaveLength(1);
    expect(problems(LogOptions, { maxNoFiles: '' })).toHaveLength(1);
  });

  it('checks nested groups and lists under their full path', () => {
    const values = {
      disk_log: { max_no_files: 0, log_dirr: 'x' },
      topics: [{ name: 'ok', settings: { anyThing: 1 } }, { name: 'NO' }, {}, 'text'],
    };
    expect(problems(RootOptions, values, { where: 'storage', naming: 'snake' })).toEqual([
      'storage.disk_log.log_dirr: unknown option; did you mean log_dir?',
      'storage.disk_log.max_no_files: 0 is not allowed; a whole number from 1 to 65000',
      'storage.topics[1].name: "NO" is not allowed; lower case letters',
      'storage.topics[2].name: missing; lower case letters',
      'storage.topics[3]: "text" is not allowed; a group of options',
    ]);
    const options = checkOptions(RootOptions, { diskLog: { maxNoFiles: '4' }, topics: [{ name: 'a' }] });
    expect(options.diskLog).toBeInstanceOf(LogOptions);
    expect(options.diskLog.maxNoFiles).toBe(4);
    expect(options.topics![0]).toBeInstanceOf(TopicOptions);
    expect(problems(RootOptions, { diskLog: 'x' })).toEqual([
      'diskLog: "x" is not allowed; a group of options',
    ]);
    expect(problems(RootOptions, { diskLog: [{ maxNoFiles: 1 }], topics: { name: 'a' } })).toEqual([
      'diskLog: [{"maxNoFiles":1}] is not allowed; a group of options',
      'topics: {"name":"a"} is not allowed; a list of groups of options',
    ]);
  });

  it('refuses anything that is not a group of options', () => {
    expect(problems(LogOptions, 'x', { where: 'storage' })).toEqual([
      'storage: "x" is not allowed; a group of options',
    ]);
    expect(problems(LogOptions, [])).toEqual(['options: [] is not allowed; a group of options']);
  });

  it('names the environment variable a value came from', () => {
    const { values, names } = readEnv(
      { maxNoFiles: 'GENROCKS_MAX_NO_FILES', logDir: 'GENROCKS_LOG_DIR', logType: 'GENROCKS_LOG_TYPE' },
      { GENROCKS_MAX_NO_FILES: 'many', GENROCKS_LOG_DIR: '' },
    );
    expect(values).toEqual({ maxNoFiles: 'many' });
    expect(problems(LogOptions, values, { where: 'storage.disk_log', names })).toEqual([
      'GENROCKS_MAX_NO_FILES: "many" is not allowed; a whole number from 1 to 65000',
    ]);
  });

  it('shows values that have no JSON form, and shortens long ones', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(problems(LogOptions, { logType: cyclic })[0]).toContain('[object Object]');
    expect(problems(LogOptions, { logType: () => 1 })[0]).toContain('is not allowed');
    expect(problems(LogOptions, { logType: 'x'.repeat(1000) })[0]!.length).toBeLessThan(200);
  });

  it('keeps its message short, whatever a client sends', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${i}`.repeat(1000), i]));
    const found = problems(LogOptions, many);
    expect(found).toHaveLength(51);
    expect(found.at(-1)).toBe('and 950 more mistakes');
    expect(found.every((line) => line.length < 250)).toBe(true);
  });

  it('does not show secrets', () => {
    class Login {
      @IsString()
      saslPassword!: string;
    }
    expect(problems(Login, { saslPassword: 12345 })).toEqual([
      'saslPassword: the value is not allowed; text',
    ]);
    expect(problems(Login, {})).toEqual(['saslPassword: missing; text']);
  });
});
