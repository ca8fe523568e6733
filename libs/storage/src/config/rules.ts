import { plainToInstance } from 'class-transformer';
import { getMetadataStorage } from 'class-validator';
import { describeSize, IS_SIZE } from './is-size.decorator.js';

/** class-validator's name for the rule of `@ValidateNested`. */
export const NESTED = 'nestedValidation';

/** A class whose properties carry class-validator decorators. */
export type OptionsClass<T extends object = object> = new () => T;

/** One class-validator decorator on a property. */
export interface Rule {
  readonly name: string;
  readonly constraints: readonly unknown[];
  readonly each: boolean;
  /** The decorator has a `message` of its own, which then says what is allowed. */
  readonly hasMessage: boolean;
}

/** The properties of an options class, in order of declaration, each with its rules. */
export function rulesOf(target: OptionsClass): Map<string, Rule[]> {
  const rules = new Map<string, Rule[]>();
  const metadatas = getMetadataStorage().getTargetValidationMetadatas(target, '', false, false);
  for (const metadata of metadatas) {
    const list = rules.get(metadata.propertyName) ?? [];
    rules.set(metadata.propertyName, list);
    list.push({
      name: metadata.name ?? metadata.type,
      constraints: (metadata.constraints ?? []) as unknown[],
      each: metadata.each ?? false,
      // class-validator gives @ValidateNested a message even if none was written.
      hasMessage: metadata.message !== undefined && metadata.type !== NESTED,
    });
  }
  return rules;
}

/** The class that `@Type` names for a property with `@ValidateNested`, if any. */
export function nestedClassOf(target: OptionsClass, property: string): OptionsClass | undefined {
  const probe = plainToInstance(target, { [property]: {} }) as Record<string, object | undefined>;
  const nested = probe[property]?.constructor;
  return nested === undefined || nested === Object ? undefined : (nested as OptionsClass);
}

export function has(rules: readonly Rule[], ...names: string[]): boolean {
  return rules.some((rule) => names.includes(rule.name));
}

/** Describes what the rules of a property allow. `messages` are class-validator's own, for rules not known here. */
export function describeRules(rules: readonly Rule[], messages: Readonly<Record<string, string>>): string {
  const own = rules.filter((rule) => rule.hasMessage && rule.name in messages);
  if (own.length > 0) return own.map((rule) => messages[rule.name]).join('; ');
  const text = describeType(rules) ?? Object.values(messages).join('; ');
  return rules.some((rule) => rule.each && rule.name !== NESTED) ? `a list, each item ${text}` : text;
}

function describeType(rules: readonly Rule[]): string | undefined {
  const find = (...names: string[]) => rules.find((rule) => names.includes(rule.name));
  const choice = find('isIn', 'isEnum');
  if (choice !== undefined) return `one of ${choices(choice).join(', ')}`;
  if (has(rules, 'isBoolean')) return 'true or false';
  if (has(rules, 'isInt')) return `a whole number${numberRange(rules)}`;
  if (has(rules, 'isNumber')) return `a number${numberRange(rules)}`;
  const size = find(IS_SIZE);
  if (size !== undefined) return describeSize(size.constraints[0] ?? {});
  const nested = find(NESTED);
  if (nested !== undefined) return nested.each ? 'a list of groups of options' : 'a group of options';
  if (has(rules, 'isArray') && !rules.some((rule) => rule.each)) return 'a list';
  if (has(rules, 'isString', 'isNotEmpty', 'minLength', 'maxLength', 'isLength', 'matches')) {
    return describeText(rules);
  }
  return has(rules, 'isObject') ? 'a group of options' : undefined;
}

function choices(rule: Rule): string[] {
  const values = rule.name === 'isEnum' ? rule.constraints[1] : rule.constraints[0];
  return (values as unknown[]).map(String);
}

function numberRange(rules: readonly Rule[]): string {
  const min = constraintOf(rules, 'min');
  const max = constraintOf(rules, 'max');
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, at least ${min}`;
  return max !== undefined ? `, at most ${max}` : '';
}

function describeText(rules: readonly Rule[]): string {
  const min = constraintOf(rules, 'minLength') ?? constraintOf(rules, 'isLength');
  const max = constraintOf(rules, 'maxLength') ?? constraintOf(rules, 'isLength', 1);
  const pattern = constraintOf(rules, 'matches');
  let text = 'text';
  if (has(rules, 'isNotEmpty')) text += ' that is not empty';
  if (min !== undefined) text += `, at least ${min} characters`;
  if (max !== undefined) text += `, at most ${max} characters`;
  if (pattern !== undefined) text += `, matching ${pattern}`;
  return text;
}

function constraintOf(rules: readonly Rule[], name: string, at = 0): string | undefined {
  const constraint = rules.find((rule) => rule.name === name)?.constraints[at] as number | RegExp | undefined;
  return constraint?.toString();
}
