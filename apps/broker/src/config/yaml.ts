import { createRequire } from 'node:module';
import { InvalidConfigError } from '@genrocks/storage';
import type { YAMLParseError } from 'yaml';

const require = createRequire(import.meta.url);

/** The YAML parser, loaded only when there is YAML to read: variables alone can configure a broker. */
function yaml(): typeof import('yaml') {
  return require('yaml') as typeof import('yaml');
}

/**
 * Parses a YAML text.
 * @param source the file or variable, for messages
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake, without values, which may be passwords
 */
export function parseYaml(source: string, text: string): unknown {
  const document = yaml().parseDocument(text);
  // A warning means an unknown tag, which the parser would ignore.
  const found: Error[] = [...document.errors, ...document.warnings];
  if (found.length > 0) throw new InvalidConfigError(found.map((error) => describe(source, error)));
  try {
    return document.toJS() as unknown;
  } catch (error) {
    throw new InvalidConfigError([describe(source, error)]);
  }
}

/** Says in one line why a text is not valid YAML. @param source the file or variable */
function describe(source: string, error: unknown): string {
  const { code, message, linePos } = error as Error & Partial<YAMLParseError>;
  // For example aliases of aliases, which would exhaust the memory.
  if (linePos === undefined) {
    const reason = message.startsWith('Unresolved alias') ? quoted('*') : message;
    return `${source}: not usable YAML: ${reason}`;
  }
  const [{ line, col }] = linePos;
  const reason =
    code === 'MULTIPLE_DOCS'
      ? 'it contains several documents; remove the lines "---"'
      : code === 'TAG_RESOLVE_FAILED'
        ? quoted('!')
        : message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  return `${source}:${line}:${col}: not valid YAML: ${reason}`;
}

function quoted(begin: string): string {
  return `a text that starts with ${begin} must be quoted`;
}
