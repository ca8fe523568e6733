import { deserialize, serialize } from 'node:v8';
import { toBuffer } from './bytes.js';
import { CodecError } from './errors.js';
import type { BytesLike } from './partition-store.js';

/**
 * Turns values into bytes and back.
 * `encode` throws `CODEC_FAILED` for a value it cannot carry without loss, `decode` for bytes it cannot read.
 */
export interface Codec<T> {
  readonly name: string;
  encode(value: T): Uint8Array;
  decode(bytes: Buffer): T;
}

/** JSON, refusing at the top level what JSON drops silently (undefined, functions, symbols). The default. */
export const jsonCodec: Codec<unknown> = {
  name: 'json',
  encode(value) {
    const text = attempt('encode as JSON', () => JSON.stringify(value) as string | undefined);
    if (text === undefined) {
      throw new CodecError(
        `a value of type ${typeof value} has no JSON form; use another codec or store null`,
      );
    }
    return Buffer.from(text, 'utf8');
  },
  decode: (bytes) => attempt('decode as JSON', () => JSON.parse(bytes.toString('utf8')) as unknown),
};

/** UTF-8 text. */
export const stringCodec: Codec<string> = {
  name: 'string',
  encode(value) {
    if (typeof value !== 'string')
      throw new CodecError(`the string codec takes strings, not ${typeof value}`);
    return Buffer.from(value, 'utf8');
  },
  decode: (bytes) => bytes.toString('utf8'),
};

/** Bytes as they are. */
export const bytesCodec: Codec<BytesLike> = {
  name: 'bytes',
  encode: (value) => toBuffer(value),
  decode: (bytes) => bytes,
};

/**
 * Node's structured clone format: keeps Map, Set, Date, BigInt, RegExp, typed arrays and Buffers (which come back as
 * Uint8Array), cyclic references too. Readable by this and every later Node; not by other languages.
 */
export const structuredCodec: Codec<unknown> = {
  name: 'structured',
  encode: (value) => attempt('encode as a structured clone', () => serialize(value)),
  decode: (bytes) => attempt('decode as a structured clone', () => deserialize(bytes) as unknown),
};

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CodecError(
      `could not ${what}: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}
