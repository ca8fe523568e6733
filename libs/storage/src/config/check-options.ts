import { validateSync, type ValidationError } from 'class-validator';
import { InvalidConfigError } from '../errors.js';
import { coerce } from './coerce.js';
import { didYouMean } from './did-you-mean.js';
import { describeRules, has, NESTED, nestedClassOf, type OptionsClass, type Rule, rulesOf } from './rules.js';

/** How options are named in the messages of {@link checkOptions}. */
export interface CheckOptions {
  /** Path of the options in messages, such as `storage.disk_log`. Default: none. */
  where?: string;
  /** How the keys are written: `snake` in YAML (`max_no_files`), `camel` in TypeScript. Default `camel`. */
  naming?: 'snake' | 'camel';
  /**
   * Another name to show for an option, by its dotted path in camelCase: the environment variable it came from, for
   * example `{ maxNoFiles: 'GENROCKS_MAX_NO_FILES' }`.
   */
  names?: Readonly<Record<string, string>>;
}

/**
 * Checks options against a class with class-validator decorators and returns an instance of it. Property initialisers
 * are the defaults; `null` counts as not given. Text becomes a number, size or boolean if the rules ask for one.
 * `@ValidateNested()` and `@Type()` name nested classes.
 *
 * @throws {InvalidConfigError} `INVALID_CONFIG`, one line per mistake:
 *   `storage.disk_log.max_no_files: "abc" is not allowed; a whole number from 1 to 65000`
 */
export function checkOptions<T extends object>(
  target: OptionsClass<T>,
  values: unknown,
  options: CheckOptions = {},
): T {
  const check = new Check(options);
  const result = check.run(target, values ?? {});
  if (check.problems.length > 0) throw new InvalidConfigError(cut(check.problems));
  return result;
}

/** Options may come from a client, and the answer must not be megabytes of mistakes. */
const MAX_PROBLEMS = 50;
const MAX_KEY_LENGTH = 80;
const MAX_VALUE_LENGTH = 100;

/** Values of options with such names are never shown. */
const SECRET = /password|secret|token|passphrase|private_?key/i;

interface Given {
  readonly key: string;
  readonly value: unknown;
}

/** Stands for a list given instead of a group, or the reverse, which class-validator would accept. */
const NOT_NESTED = Symbol('not nested');

class Check {
  readonly problems: string[] = [];
  /** What was given for each property of an instance, before coercion: messages show that. */
  private readonly given = new WeakMap<object, Map<string, Given>>();
  private readonly where: string;
  private readonly names: Readonly<Record<string, string>>;

  constructor(private readonly options: CheckOptions) {
    this.where = options.where ?? '';
    this.names = options.names ?? {};
  }

  run<T extends object>(target: OptionsClass<T>, values: unknown): T {
    if (!isGroup(values)) {
      this.problems.push(`${this.where || 'options'}: ${show(values)} is not allowed; a group of options`);
      return new target();
    }
    const instance = this.build(target, values, this.where, '');
    for (const error of validateSync(instance, { forbidUnknownValues: false })) {
      this.report(error, this.where, '');
    }
    return instance;
  }

  private build<T extends object>(
    target: OptionsClass<T>,
    values: Record<string, unknown>,
    where: string,
    path: string,
  ): T {
    const instance = new target();
    const rules = rulesOf(target);
    const properties = new Map([...rules.keys()].map((property) => [this.keyOf(property), property]));
    const given = new Map<string, Given>();
    this.given.set(instance, given);
    for (const [key, value] of Object.entries(values)) {
      const property = properties.get(key);
      if (property === undefined) {
        const problem = unknownOption(key, properties.keys());
        this.problems.push(`${join(where, shorten(key, MAX_KEY_LENGTH))}: ${problem}`);
      } else if (value !== undefined && value !== null) {
        given.set(property, { key, value });
        const at = { where: join(where, key), path: join(path, property) };
        const built = this.buildValue(target, property, value, rules.get(property)!, at);
        (instance as Record<string, unknown>)[property] = built;
      }
    }
    return instance;
  }

  private buildValue(
    target: OptionsClass,
    property: string,
    value: unknown,
    rules: readonly Rule[],
    at: { where: string; path: string },
  ): unknown {
    const nested = has(rules, NESTED) ? nestedClassOf(target, property) : undefined;
    if (nested === undefined) return coerce(value, rules);
    const list = rules.some((rule) => rule.name === NESTED && rule.each);
    if (list !== Array.isArray(value)) return NOT_NESTED;
    if (!Array.isArray(value)) return isGroup(value) ? this.build(nested, value, at.where, at.path) : value;
    return value.map((item: unknown, index) =>
      isGroup(item) ? this.build(nested, item, `${at.where}[${index}]`, `${at.path}[${index}]`) : item,
    );
  }

  private report(error: ValidationError, where: string, path: string): void {
    const { property, target, constraints, children = [] } = error;
    const inList = Array.isArray(target);
    const given = target === undefined ? undefined : this.given.get(target)?.get(property);
    const key = given?.key ?? this.keyOf(property);
    const here = inList ? `${where}[${property}]` : join(where, key);
    const hereInDto = inList ? `${path}[${property}]` : join(path, property);
    if (constraints !== undefined) {
      const rules = inList ? [] : (rulesOf(target!.constructor as OptionsClass).get(property) ?? []);
      const allowed = rules.length > 0 ? describeRules(rules, constraints) : 'a group of options';
      const value = given === undefined ? (error.value as unknown) : given.value;
      const shown = SECRET.test(property) ? 'the value' : show(value);
      const mistake = value === undefined || value === null ? 'missing' : `${shown} is not allowed`;
      this.problems.push(`${this.names[hereInDto] ?? here}: ${mistake}; ${allowed}`);
    }
    for (const child of children) this.report(child, here, hereInDto);
  }

  private keyOf(property: string): string {
    return this.options.naming === 'snake' ? toSnakeCase(property) : property;
  }
}

/** `maxNoFiles` as `max_no_files`. */
export function toSnakeCase(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function unknownOption(key: string, known: Iterable<string>): string {
  const names = [...known];
  const meant = didYouMean(key, names);
  if (meant !== undefined) return `unknown option; did you mean ${meant}?`;
  return names.length === 0
    ? 'unknown option; there are no options here'
    : `unknown option; allowed are ${names.join(', ')}`;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(where: string, key: string): string {
  return where === '' ? key : `${where}.${key}`;
}

function show(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : (safeJson(value) ?? String(value));
  return shorten(text, MAX_VALUE_LENGTH);
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}

function cut(problems: readonly string[]): readonly string[] {
  if (problems.length <= MAX_PROBLEMS) return problems;
  return [...problems.slice(0, MAX_PROBLEMS), `and ${problems.length - MAX_PROBLEMS} more mistakes`];
}

/** The JSON of a value, if it has one; functions, symbols and cycles have none. */
function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
