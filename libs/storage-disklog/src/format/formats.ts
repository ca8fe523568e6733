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

/** The format of a file, from its beginning; undefined if that is empty, or too damaged to tell. */
export function formatOf(beginning: Buffer): LogFormat | undefined {
  if (readFileHead(beginning) !== undefined) return internalFormat;
  // The first line may be damaged, so any line will do. But a value in an item may contain lines as well.
  const text = beginning.toString('latin1');
  if (!text.startsWith('{') && text.includes('bWLA')) return undefined;
  return /(^|\n)\{"key(_base64)?":"/.test(text) ? externalFormat : undefined;
}
