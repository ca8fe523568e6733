import { InvalidArgumentError } from '../errors.js';

const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?$/i;
const POWERS = ['', 'k', 'm', 'g', 't', 'p'];

/**
 * Returns the bytes of a size, given as a number or as text with a unit: `50MB`, `10MiB`, `10 kb`, `1.5g`, `512`, `512B`.
 *
 * Every unit is a power of 1,024, with or without the `i`: in the settings of a log, `10MB` has always meant
 * 10 * 1024 * 1024. A fraction of a byte is dropped.
 *
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` for anything else, and above 2^53 - 1
 */
export function parseSize(size: string | number): number {
  const bytes = typeof size === 'string' ? parseText(size.trim()) : size;
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new InvalidArgumentError(
      `${JSON.stringify(size) ?? String(size)} is not a size; write bytes (10485760) or a unit (10MB, 512KB, 1GB)`,
    );
  }
  return bytes;
}

/** Writes a size in the shortest exact form that {@link parseSize} reads: `10MB`, `1536`, `1KB`. */
export function formatSize(bytes: number): string {
  let power = 0;
  let count = bytes;
  while (count >= 1024 && count % 1024 === 0 && power < POWERS.length - 1) {
    count /= 1024;
    power++;
  }
  return power === 0 ? String(bytes) : `${count}${POWERS[power]!.toUpperCase()}B`;
}

function parseText(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const power = POWERS.indexOf((match[2] ?? '').toLowerCase());
  return Math.floor(Number(match[1]) * 1024 ** power);
}
