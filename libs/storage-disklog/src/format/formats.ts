import { externalFormat } from './external-format.js';
import { readFileHead } from './headers.js';
import { internalFormat } from './internal-format.js';
import type { LogFormat } from './log-format.js';

/** The formats by their names in the configuration. */
export const FORMATS: Readonly<Record<LogFormat['name'], LogFormat>> = {
  internal: internalFormat,
  external: externalFormat,
};

/** This much of a file's beginning is enough to tell its format. */
export const FORMAT_BYTES = 64 << 10;

/** Which format the beginning of a file is in; undefined where it is empty, or damaged so that it does not tell. */
export function formatOf(beginning: Buffer): LogFormat | undefined {
  if (readFileHead(beginning) !== undefined) return internalFormat;
  // The first line may be damaged, so any will do; but a value of an item may hold lines as well.
  const text = beginning.toString('latin1');
  if (!text.startsWith('{') && text.includes('bWLA')) return undefined;
  return /(^|\n)\{"key(_base64)?":"/.test(text) ? externalFormat : undefined;
}
