import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * The schema of a topic's values: a class with class-validator decorators, or a Standard Schema (zod, valibot, ArkType,
 * ...). Readers get its output. It must validate synchronously.
 */
export type TopicSchema<T = unknown> = StandardSchemaV1<unknown, T> | (new () => T);

/** The type of the values that a schema outputs. */
export type SchemaValue<S> =
  S extends StandardSchemaV1<unknown, infer Output>
    ? Output
    : S extends new () => infer Instance
      ? Instance
      : unknown;

/** A mistake in a value. */
export interface SchemaIssue {
  /** The path in the value, such as `items.0.price`; empty for the value itself. */
  readonly path: string;
  /** The schema's description of the mistake. */
  readonly message: string;
}

/** A schema of any kind. */
export interface ValueSchema {
  /** Name of its library or class. */
  readonly name: string;
  /** Returns the schema's output for the value, or the mistakes in it. */
  check(value: unknown): { readonly value: unknown } | { readonly issues: readonly SchemaIssue[] };
}
