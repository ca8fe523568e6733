import { createRequire } from 'node:module';
import type { YAMLParseError } from 'yaml';

const require = createRequire(import.meta.url);

/** The YAML parser. Loaded when there is YAML to read: a broker may as well be configured by variables alone. */
export function yaml(): typeof import('yaml') {
  return require('yaml') as typeof import('yaml');
}

/** Why a text is no YAML, in one line. @param source where it stands */
export function describeYamlError(source: string, error: unknown): string {
  const { code, message, linePos } = error as Error & Partial<YAMLParseError>;
  // Such as aliases of aliases, which would fill the memory.
  if (linePos === undefined) return `${source}: not usable YAML: ${message}`;
  const [{ line, col }] = linePos;
  const reason =
    code === 'MULTIPLE_DOCS'
      ? 'it holds several documents; remove the lines "---"'
      : message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  return `${source}:${line}:${col}: not valid YAML: ${reason}`;
}
