import { createRequire } from 'node:module';
import { InvalidConfigError } from '@genrocks/storage';
import { messageOf } from '../errors.js';
import type { SchemaIssue, ValueSchema } from './topic-schema.js';

type Class = new () => unknown;

/** The fields of class-validator's errors that are used here. */
interface ValidationError {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly ValidationError[];
}

interface ClassValidator {
  validateSync: (object: object) => ValidationError[];
}

interface ClassTransformer {
  plainToInstance: (target: Class, plain: object) => object;
}

/**
 * A schema of a class with class-validator decorators. Readers get instances of the class.
 * @throws `INVALID_CONFIG` if class-validator or class-transformer is not installed
 */
export function classSchema(topic: string, target: Class): ValueSchema {
  const { validateSync } = load<ClassValidator>(topic, 'class-validator');
  const { plainToInstance } = load<ClassTransformer>(topic, 'class-transformer');
  return {
    name: target.name,
    check(plain) {
      if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
        return { issues: [{ path: '', message: 'must be an object' }] };
      }
      const value = plainToInstance(target, plain);
      const issues = validateSync(value).flatMap((error) => issuesOf(error, ''));
      return issues.length === 0 ? { value } : { issues };
    },
  };
}

function issuesOf(
  { property, constraints = {}, children = [] }: ValidationError,
  parent: string,
): SchemaIssue[] {
  const path = parent === '' ? property : `${parent}.${property}`;
  const own = Object.values(constraints).map((message) => ({ path, message }));
  return [...own, ...children.flatMap((child) => issuesOf(child, path))];
}

function load<T>(topic: string, name: string): T {
  try {
    return createRequire(import.meta.url)(name) as T;
  } catch (error) {
    throw new InvalidConfigError([
      `topics.${topic}.schema: a class needs the packages class-validator and class-transformer ` +
        `(npm install class-validator class-transformer): ${messageOf(error)}`,
    ]);
  }
}
