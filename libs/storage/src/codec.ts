import { isUtf8 } from 'node:buffer';
import { deserialize, serialize } from 'node:v8';
import { toBuffer } from './bytes.js';
import { CodecError, isError } from './errors.js';
import type { BytesLike } from './partition-store.js';

/**
 * Encodes values as bytes and decodes them.
 * `encode` throws `CODEC_FAILED` for a value it cannot encode without loss, `decode` for bytes it cannot decode.
 */
export interface Codec<T> {
  /** Short stable name, for messages. */
  readonly name: string;
  /**
   * Encodes a value.
   * @throws `CODEC_FAILED` for a value it cannot encode without loss
   */
  encode(value: T): Uint8Array;
  /**
   * Decodes bytes. The value may be a view of them.
   * @throws `CODEC_FAILED` for bytes it cannot decode
   */
  decode(bytes: Buffer): T;
}

/** JSON; the default. Refuses a value that JSON would silently drop (undefined, a function, a symbol) at the top level. */
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
  decode: (bytes) => attempt('decode as JSON', () => JSON.parse(toText(bytes)) as unknown),
};

/** Half a UTF-16 surrogate pair, which has no UTF-8 form. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** UTF-8 text. Refuses half a surrogate pair, which would come back as another character. */
export const stringCodec: Codec<string> = {
  name: 'string',
  encode(value) {
    if (typeof value !== 'string')
      throw new CodecError(`the string codec takes strings, not ${typeof value}`);
    if (LONE_SURROGATE.test(value)) throw new CodecError('the text holds half a surrogate pair');
    return Buffer.from(value, 'utf8');
  },
  decode: toText,
};

/** Bytes, unchanged. */
export const bytesCodec: Codec<BytesLike> = {
  name: 'bytes',
  encode: (value) => toBuffer(value),
  decode: (bytes) => bytes,
};

/**
 * Node's structured clone format. Keeps Map, Set, Date, BigInt, RegExp, typed arrays, cyclic references, and Buffers
 * (which come back as Uint8Array). This and every later version of Node can read it; other languages cannot.
 */
export const structuredCodec: Codec<unknown> = {
  name: 'structured',
  encode: (value) => attempt('encode as a structured clone', () => serialize(value)),
  decode: (bytes) => attempt('decode as a structured clone', () => deserialize(bytes) as unknown),
};

function toText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new CodecError('the bytes are not UTF-8 text; read them with another codec');
  return bytes.toString('utf8');
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CodecError) throw error;
    throw new CodecError(`could not ${what}: ${isError(error) ? error.message : String(error)}`, error);
  }
}
