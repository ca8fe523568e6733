import {
  bytesCodec,
  type Codec,
  CodecError,
  isGenRocksError,
  jsonCodec,
  stringCodec,
  structuredCodec,
} from '@genrocks/storage';
import { messageOf } from './errors.js';

const BUILT_IN = [jsonCodec, stringCodec, bytesCodec, structuredCodec];

/**
 * The codec a topic was created with, by its name. A custom codec must come from the application. Until it does, values of
 * the topic can be neither encoded nor decoded; everything else works.
 */
export function codecNamed(name: string): Codec<unknown> {
  return BUILT_IN.find((codec) => codec.name === name) ?? missingCodec(name);
}

/**
 * Wraps a custom codec so that its errors are `CODEC_FAILED`, as those of the built-in codecs are. A library's own error
 * says neither what the codec was doing nor that a retry is useless.
 */
export function codecOf(codec: Codec<unknown>): Codec<unknown> {
  if (BUILT_IN.includes(codec)) return codec;
  const { name } = codec;
  return {
    name,
    encode: (value) =>
      failingAs(`the codec ${JSON.stringify(name)} cannot encode this value`, () => codec.encode(value)),
    decode: (bytes) =>
      failingAs(`the codec ${JSON.stringify(name)} cannot decode these bytes`, () => codec.decode(bytes)),
  };
}

function failingAs<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isGenRocksError(error)) throw error;
    throw new CodecError(`${what}: ${messageOf(error)}`, error);
  }
}

/** The built-in codec of this name, or plain bytes. */
export function codecFor(name: string): Codec<unknown> {
  return BUILT_IN.find((codec) => codec.name === name) ?? bytesCodec;
}

function missingCodec(name: string): Codec<unknown> {
  const fail = (): never => {
    throw new CodecError(`the topic uses the codec ${JSON.stringify(name)}; pass it when starting the topic`);
  };
  return { name, encode: fail, decode: fail };
}
