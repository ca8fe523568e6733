import type { ByteField } from '../wire/writer.js';

/** A range of versions, both ends included. */
export type VersionRange = readonly [from: number, to: number];

const ALL_VERSIONS: VersionRange = [0, Infinity];

export type Primitive =
  'int8' | 'int16' | 'int32' | 'int64' | 'boolean' | 'uuid' | 'string' | 'bytes' | 'records';

/** The type of a field's content. */
export type Shape =
  | { readonly kind: 'primitive'; readonly type: Primitive }
  | { readonly kind: 'array'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly fields: Fields };

/** One field of a message. `Out` is the result of decoding, `In` the input of encoding. */
export interface Field<Out = unknown, In = Out, Optional extends boolean = boolean> {
  readonly shape: Shape;
  /** The versions that have the field. */
  readonly versions: VersionRange;
  /** The versions in which it may be null. */
  readonly nullable: VersionRange | undefined;
  /** Its value if the version lacks the field, or if an answer omits it. */
  readonly fallback: unknown;
  readonly optional: Optional;
  /** Used by the type system only. */
  readonly out?: Out;
  readonly in?: In;
}

// Keys are the protocol's field names in camelCase. Their order is the order of the bytes.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Fields = Readonly<Record<string, Field<any, any, boolean>>>;

/** A decoded message: every field; those that the version lacks have their default. */
export type Decoded<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Field<infer Out, infer _In, boolean> ? Out : never;
};

type RequiredKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer _O, infer _I, false> ? K : never;
}[keyof F];

type Given<T> = T extends Field<infer _O, infer In, boolean> ? In : never;

/** A message to encode; fields with a default may be left out. */
export type Encodable<F extends Fields> = { readonly [K in RequiredKeys<F>]: Given<F[K]> } & {
  readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: Given<F[K]>;
};

/** `3` means from version 3 on, `[1, 4]` from 1 to 4. */
export type Versions = number | VersionRange;

interface Marks<T> {
  /** Default: all versions. */
  readonly versions?: Versions;
  /** Default: the zero value of the type. A field with a default may be left out when encoding. */
  readonly fallback?: T;
}

type Made<T, In, M> = M extends { fallback: unknown } ? Field<T, In, true> : Field<T, In, false>;

export const int8 = scalar<number>('int8', 0);
export const int16 = scalar<number>('int16', 0);
export const int32 = scalar<number>('int32', 0);
export const int64 = scalar<number>('int64', 0);
export const boolean = scalar<boolean>('boolean', false);
export const uuid = scalar<string>('uuid', '00000000-0000-0000-0000-000000000000');
export const string = scalar<string>('string', '');
export const bytes = scalar<Buffer>('bytes', Buffer.alloc(0));

/** A string that may be null, in all of its versions or from `nullFrom` on. Default: null. */
export function nullableString(
  versions: Versions = 0,
  nullFrom = 0,
): Field<string | null, string | null, true> {
  return field({ kind: 'primitive', type: 'string' }, versions, nullFrom === 0 ? null : '', true, [
    nullFrom,
    Infinity,
  ]);
}

/** Record batches as bytes; an answer may supply them in pieces. */
export function records(): Field<Buffer | null, ByteField | null, false> {
  return field({ kind: 'primitive', type: 'records' }, 0, null, false, ALL_VERSIONS);
}

/** A list of structs. Default: empty. */
export function array<F extends Fields>(
  fields: F,
  versions: Versions = 0,
): Field<Decoded<F>[], readonly Encodable<F>[], true> {
  return field({ kind: 'array', of: { kind: 'struct', fields } }, versions, [], true);
}

/** A list of structs that may be null from version `nullFrom` on. */
export function nullableArray<F extends Fields>(
  fields: F,
  versions: Versions = 0,
  nullFrom = 0,
  fallback: null | readonly never[] = null,
): Field<Decoded<F>[] | null, readonly Encodable<F>[] | null, true> {
  return field({ kind: 'array', of: { kind: 'struct', fields } }, versions, fallback, true, [
    nullFrom,
    Infinity,
  ]);
}

interface ListTypes {
  readonly int32: number;
  readonly int64: number;
  readonly string: string;
}

/** A list of plain values. Default: empty. */
export function list<T extends keyof ListTypes>(
  type: T,
  versions: Versions = 0,
): Field<ListTypes[T][], readonly ListTypes[T][], true> {
  return field({ kind: 'array', of: { kind: 'primitive', type } }, versions, [], true);
}

/** A list of plain values that may be null. Default: null. */
export function nullableList<T extends keyof ListTypes>(
  type: T,
  versions: Versions = 0,
): Field<ListTypes[T][] | null, readonly ListTypes[T][] | null, true> {
  return field({ kind: 'array', of: { kind: 'primitive', type } }, versions, null, true, ALL_VERSIONS);
}

function scalar<T>(type: Primitive, zero: T) {
  return <M extends Marks<T>>(marks?: M): Made<T, T, M> =>
    field(
      { kind: 'primitive', type },
      marks?.versions ?? 0,
      marks?.fallback ?? zero,
      marks?.fallback !== undefined,
    ) as unknown as Made<T, T, M>;
}

function field<Out, In, Optional extends boolean>(
  shape: Shape,
  versions: Versions,
  fallback: unknown,
  optional: Optional,
  nullable?: VersionRange,
): Field<Out, In, Optional> {
  const range: VersionRange = typeof versions === 'number' ? [versions, Infinity] : versions;
  return { shape, versions: range, nullable, fallback, optional };
}
