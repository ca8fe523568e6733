import {
  bytesCodec,
  type Codec,
  CodecError,
  jsonCodec,
  stringCodec,
  structuredCodec,
} from '@genrocks/storage';

const BUILT_IN = [jsonCodec, stringCodec, bytesCodec, structuredCodec];

/**
 * The codec a topic was created with, by its name. One that is not built in can only come from the application; until
 * it does, values of the topic can be neither encoded nor decoded, but everything else works.
 */
export function codecNamed(name: string): Codec<unknown> {
  return BUILT_IN.find((codec) => codec.name === name) ?? missingCodec(name);
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
