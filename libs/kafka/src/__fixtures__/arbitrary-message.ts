import fc from 'fast-check';
import type { Field, Fields, Primitive, Shape } from '../protocol/schema/fields.js';

const PRIMITIVES: Record<Primitive, fc.Arbitrary<unknown>> = {
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32768, max: 32767 }),
  int32: fc.integer({ min: -2147483648, max: 2147483647 }),
  int64: fc.maxSafeInteger(),
  boolean: fc.boolean(),
  uuid: fc.uuid(),
  string: fc.string({ unit: 'grapheme', maxLength: 20 }),
  bytes: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  records: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
};

/** Any message with these fields in a version; fields that the version lacks have their default. */
export function arbitraryMessage(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(fields).map(([name, field]) => [name, arbitraryField(field, version)]);
  return fc.record(Object.fromEntries(entries) as Record<string, fc.Arbitrary<unknown>>);
}

function arbitraryField(field: Field, version: number): fc.Arbitrary<unknown> {
  if (!isIn(version, field.versions)) return fc.constant(field.fallback);
  const value = arbitraryShape(field.shape, version);
  return field.nullable !== undefined && isIn(version, field.nullable) ? fc.option(value) : value;
}

function arbitraryShape(shape: Shape, version: number): fc.Arbitrary<unknown> {
  if (shape.kind === 'primitive') return PRIMITIVES[shape.type];
  if (shape.kind === 'struct') return arbitraryMessage(shape.fields, version);
  return fc.array(arbitraryShape(shape.of, version), { maxLength: 3 });
}

function isIn(version: number, [from, to]: readonly [number, number]): boolean {
  return version >= from && version <= to;
}
