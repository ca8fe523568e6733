import { createRequire } from 'node:module';
import { InvalidConfigError } from '@genrocks/storage';
import type { YAMLParseError } from 'yaml';

const require = createRequire(import.meta.url);

/** The YAML parser. Loaded when there is YAML to read: a broker may as well be configured by variables alone. */
function yaml(): typeof import('yaml') {
  return require('yaml') as typeof import('yaml');
}

/**
 * What a text says.
 * @param source where it stands
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake; values, which may be passwords, are part of none
 */
export function parseYaml(source: string, text: string): unknown {
  const document = yaml().parseDocument(text);
  // A warning is about a tag that is not known, and would be left out.
  const found: Error[] = [...document.errors, ...document.warnings];
  if (found.length > 0) throw new InvalidConfigError(found.map((error) => describe(source, error)));
  try {
    return document.toJS() as unknown;
  } catch (error) {
    throw new InvalidConfigError([describe(source, error)]);
  }
}

/** Why a text is no YAML, in one line. @param source where it stands */
function describe(source: string, error: unknown): string {
  const { code, message, linePos } = error as Error & Partial<YAMLParseError>;
  // Such as aliases of aliases, which would fill the memory.
  if (linePos === undefined) {
    const reason = message.startsWith('Unresolved alias') ? quoted('*') : message;
    return `${source}: not usable YAML: ${reason}`;
  }
  const [{ line, col }] = linePos;
  const reason =
    code === 'MULTIPLE_DOCS'
      ? 'it holds several documents; remove the lines "---"'
      : code === 'TAG_RESOLVE_FAILED'
        ? quoted('!')
        : message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  return `${source}:${line}:${col}: not valid YAML: ${reason}`;
}

function quoted(begin: string): string {
  return `a text that begins with ${begin} must stand in quotes`;
}
