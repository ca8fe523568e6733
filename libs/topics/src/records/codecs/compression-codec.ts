import { createRequire } from 'node:module';
import { messageOf, UnsupportedCompressionError } from '../../errors.js';

/** One compression for the records of a batch. */
export interface CompressionCodec {
  /**
   * Loads the package the codec needs.
   * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` if it is not installed
   */
  load(): void;
  compress(bytes: Buffer): Promise<Uint8Array>;
  /**
   * Unpacks records. Fails for bytes that cannot be unpacked, or that would unpack to more than `limit`
   * bytes, before using much more memory than that.
   * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` if its package is not installed
   */
  decompress(bytes: Buffer, limit: number): Uint8Array;
}

export function tooLarge(limit: number): Error {
  return new Error(`they unpack to more than ${limit} bytes`);
}

/** Loads an optional package when it is first needed, and keeps it. */
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
