import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Codec, InvalidConfigError } from '@genrocks/storage';
import { SchemaViolationError } from '../errors.js';
import { classSchema } from './class-schema.js';
import { standardSchema } from './standard-schema.js';
import type { TopicSchema, ValueSchema } from './topic-schema.js';

/**
 * A codec that accepts only values that fit a schema. A value is checked as a reader will see it, after a round trip through
 * the codec, so a reader accepts every value that was accepted on publish.
 */
export class CheckedCodec implements Codec<unknown> {
  constructor(
    private readonly topic: string,
    private readonly inner: Codec<unknown>,
    private readonly schema: ValueSchema,
  ) {}

  get name(): string {
    return this.inner.name;
  }

  /** @throws `SCHEMA_VIOLATION`, `CODEC_FAILED` */
  encode(value: unknown): Uint8Array {
    const bytes = this.inner.encode(value);
    this.assert(bytes);
    return bytes;
  }

  /** @throws `SCHEMA_VIOLATION`, `CODEC_FAILED` */
  decode(bytes: Buffer): unknown {
    const result = this.schema.check(this.inner.decode(bytes));
    if ('issues' in result) throw new SchemaViolationError(this.topic, result.issues);
    return result.value;
  }

  /**
   * Checks bytes that are already encoded.
   * @throws `SCHEMA_VIOLATION`, `CODEC_FAILED`
   */
  assert(bytes: Uint8Array): void {
    this.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}

/** @throws `INVALID_CONFIG` for a value that is not a schema */
export function valueSchema(topic: string, schema: TopicSchema): ValueSchema {
  if (isStandard(schema)) return standardSchema(topic, schema);
  if (typeof schema === 'function') return classSchema(topic, schema);
  throw new InvalidConfigError([
    `topics.${topic}.schema: must be a class with class-validator decorators or a Standard Schema`,
  ]);
}

function isStandard(schema: unknown): schema is StandardSchemaV1 {
  const isAny = typeof schema === 'function' || (typeof schema === 'object' && schema !== null);
  return (
    isAny && typeof (schema as { '~standard'?: { validate?: unknown } })['~standard']?.validate === 'function'
  );
}
