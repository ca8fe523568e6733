import { createRequire } from 'node:module';
import { messageOf, UnsupportedCompressionError } from '../../errors.js';

/** One way to pack the records of a batch. */
export interface CompressionCodec {
  /** @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` where its package is not there */
  load(): void;
  compress(bytes: Buffer): Promise<Uint8Array>;
  /**
   * Fails for bytes that do not unpack, or would to more than `limit` bytes, before it takes up much more than that.
   * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` where its package is not there
   */
  decompress(bytes: Buffer, limit: number): Uint8Array;
}

export function tooLarge(limit: number): Error {
  return new Error(`they unpack to more than ${limit} bytes`);
}

/** Loads an optional package when it is first needed; later calls answer what the first did. */
export function optionalPackage<T>(codec: string, name: string): () => T {
  let loaded: T | undefined;
  return () => {
    try {
      return (loaded ??= createRequire(import.meta.url)(name) as T);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
      throw new UnsupportedCompressionError(codec, name, missing ? undefined : messageOf(error));
    }
  };
}
