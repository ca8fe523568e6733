import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * What the values of a topic have to be: a class with class-validator decorators, or a Standard Schema (zod, valibot,
 * ArkType, ...). Its output is what readers get. It must validate synchronously.
 */
export type TopicSchema<T = unknown> = StandardSchemaV1<unknown, T> | (new () => T);

/** The values that a schema lets through. */
export type SchemaValue<S> =
  S extends StandardSchemaV1<unknown, infer Output>
    ? Output
    : S extends new () => infer Instance
      ? Instance
      : unknown;

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  /** Where in the value, such as `items.0.price`; empty for the value itself. */
  readonly path: string;
  /** What is wrong, in the words of the schema. */
  readonly message: string;
}

/** A schema, whatever kind it is of. */
export interface ValueSchema {
  /** The library or the class it is of. */
  readonly name: string;
  /** What readers get of the value, or what is wrong with it. */
  check(value: unknown): { readonly value: unknown } | { readonly issues: readonly SchemaIssue[] };
}
