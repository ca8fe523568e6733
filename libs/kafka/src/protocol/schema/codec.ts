import { MalformedRequestError, UnencodableError } from '../../errors.js';
import type { Reader } from '../wire/reader.js';
import type { ByteField, Writer } from '../wire/writer.js';
import type { Decoded, Encodable, Field, Fields, Primitive, Shape, VersionRange } from './fields.js';

interface ValueCodec {
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

interface FieldCodec extends ValueCodec {
  readonly name: string;
  /** Undefined if this version has the field. */
  readonly absent: { readonly fallback: unknown } | undefined;
  readonly fallback: unknown;
  readonly optional: boolean;
}

/** Decodes and encodes one message in one version; both directions are derived from the same fields. */
export class MessageCodec<F extends Fields = Fields> {
  private readonly struct: ValueCodec;

  constructor(
    fields: F,
    version: number,
    readonly flexible: boolean,
  ) {
    this.struct = structCodec(fields, version, flexible);
  }

  /** @throws {MalformedRequestError} `MALFORMED_REQUEST` */
  decode(reader: Reader): Decoded<F> {
    return this.struct.read(reader) as Decoded<F>;
  }

  encode(writer: Writer, message: Encodable<F>): void {
    this.struct.write(writer, message);
  }
}

function structCodec(fields: Fields, version: number, flexible: boolean): ValueCodec {
  const codecs = Object.entries(fields).map(([name, field]) => fieldCodec(name, field, version, flexible));
  return {
    read(reader) {
      const struct: Record<string, unknown> = {};
      for (const codec of codecs) {
        struct[codec.name] = codec.absent === undefined ? codec.read(reader) : codec.absent.fallback;
      }
      if (flexible) reader.skipTags();
      return struct;
    },
    write(writer, value) {
      const struct = value as Record<string, unknown>;
      for (const codec of codecs) {
        if (codec.absent !== undefined) continue;
        const given = struct[codec.name];
        if (given === undefined && !codec.optional) throw new UnencodableError(`${codec.name} is missing`);
        codec.write(writer, given === undefined ? codec.fallback : given);
      }
      if (flexible) writer.noTags();
    },
  };
}

function fieldCodec(name: string, field: Field, version: number, flexible: boolean): FieldCodec {
  const { fallback, optional } = field;
  const absent = isIn(version, field.versions) ? undefined : { fallback };
  const nullable = field.nullable !== undefined && isIn(version, field.nullable);
  return { name, absent, fallback, optional, ...shapeCodec(field.shape, version, flexible, nullable) };
}

function shapeCodec(shape: Shape, version: number, flexible: boolean, nullable: boolean): ValueCodec {
  if (shape.kind === 'primitive') return primitiveCodec(shape.type, flexible, nullable);
  if (shape.kind === 'struct') return structCodec(shape.fields, version, flexible);
  return arrayCodec(shapeCodec(shape.of, version, flexible, false), flexible, nullable);
}

function arrayCodec(element: ValueCodec, flexible: boolean, nullable: boolean): ValueCodec {
  return {
    read(reader) {
      const count = flexible ? reader.compactArrayLength() : reader.arrayLength();
      if (count === -1) {
        if (nullable) return null;
        throw new MalformedRequestError('a required list is null');
      }
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(element.read(reader));
      return values;
    },
    write(writer, value) {
      const values = value as readonly unknown[] | null;
      if (values === null && !nullable) throw new UnencodableError('a required list is null');
      const count = values === null ? -1 : values.length;
      if (flexible) writer.compactArrayLength(count);
      else writer.arrayLength(count);
      for (const one of values ?? []) element.write(writer, one);
    },
  };
}

function primitiveCodec(type: Primitive, flexible: boolean, nullable: boolean): ValueCodec {
  if (type === 'string') return stringCodec(flexible, nullable);
  if (type === 'bytes' || type === 'records') return bytesCodec(flexible, nullable);
  return {
    read: (reader) => reader[type](),
    write: (writer, value) => void (writer[type] as (value: unknown) => Writer)(value),
  } satisfies ValueCodec;
}

function stringCodec(flexible: boolean, nullable: boolean): ValueCodec {
  const read = flexible
    ? nullable
      ? (reader: Reader) => reader.compactNullableString()
      : (reader: Reader) => reader.compactString()
    : nullable
      ? (reader: Reader) => reader.nullableString()
      : (reader: Reader) => reader.string();
  return {
    read,
    write(writer, value) {
      if (value === null && !nullable) throw new UnencodableError('a required string is null');
      if (flexible) writer.compactNullableString(value as string | null);
      else writer.nullableString(value as string | null);
    },
  };
}

function bytesCodec(flexible: boolean, nullable: boolean): ValueCodec {
  return {
    read(reader) {
      const value = flexible ? reader.compactNullableBytes() : reader.nullableBytes();
      if (value === null && !nullable) throw new MalformedRequestError('a required byte field is null');
      return value;
    },
    write(writer, value) {
      if (flexible) writer.compactNullableBytes(value as ByteField | null);
      else writer.nullableBytes(value as ByteField | null);
    },
  };
}

function isIn(version: number, [from, to]: VersionRange): boolean {
  return version >= from && version <= to;
}
