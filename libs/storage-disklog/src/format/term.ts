/**
 * Erlang's external term format, as far as log entries need it. Source: Erlang/OTP, ERTS User's Guide, "External Term
 * Format".
 */

export const VERSION_MAGIC = 131;

const TAG = {
  newFloat: 70,
  bitBinary: 77,
  smallInteger: 97,
  integer: 98,
  float: 99,
  atom: 100,
  smallTuple: 104,
  largeTuple: 105,
  nil: 106,
  string: 107,
  list: 108,
  binary: 109,
  smallBig: 110,
  largeBig: 111,
  smallAtom: 115,
  map: 116,
  utf8Atom: 118,
  smallUtf8Atom: 119,
} as const;

/** Deeper nesting is not a log entry but an attack on the stack. */
const MAX_DEPTH = 256;

/** An atom. `true`, `false` and the atoms for nothing stay atoms here; {@link termToJson} maps them. */
export class Atom {
  constructor(readonly name: string) {}
}

export class Tuple {
  constructor(readonly elements: readonly Term[]) {}
}

/** A binary whose last byte holds fewer than eight bits. */
export class BitString {
  constructor(
    readonly bytes: Buffer,
    readonly bitsInLastByte: number,
  ) {}
}

/** Pairs in the order they were written; keys may be any term. */
export class TermMap {
  constructor(readonly pairs: readonly (readonly [Term, Term])[]) {}
}

export type Term = number | bigint | Buffer | Atom | Tuple | BitString | TermMap | Term[];

/** The bytes are not a term, or one that never occurs in a log entry (a fun, a pid, a port). */
export class TermError extends Error {}

/** Reads terms one after the other from a buffer. Binaries are views of it. Never reads past `end`. */
export class TermReader {
  constructor(
    private readonly buffer: Buffer,
    public position: number,
    private readonly end: number,
  ) {}

  /** Reads one term, with its version byte. */
  readVersioned(): Term {
    if (this.byte() !== VERSION_MAGIC) throw new TermError('no version byte');
    return this.read(0);
  }

  read(depth: number): Term {
    if (depth > MAX_DEPTH) throw new TermError('nested too deeply');
    const tag = this.byte();
    switch (tag) {
      case TAG.smallInteger:
        return this.byte();
      case TAG.integer:
        return this.buffer.readInt32BE(this.take(4));
      case TAG.newFloat:
        return this.buffer.readDoubleBE(this.take(8));
      case TAG.float:
        return this.oldFloat();
      case TAG.smallBig:
        return this.big(this.byte());
      case TAG.largeBig:
        return this.big(this.uint32());
      case TAG.atom:
      case TAG.utf8Atom:
        return this.atom(this.uint16(), tag === TAG.atom ? 'latin1' : 'utf8');
      case TAG.smallAtom:
      case TAG.smallUtf8Atom:
        return this.atom(this.byte(), tag === TAG.smallAtom ? 'latin1' : 'utf8');
      case TAG.binary:
        return this.bytes(this.uint32());
      case TAG.bitBinary:
        return this.bitString();
      case TAG.string:
        return Array.from(this.bytes(this.uint16()));
      case TAG.nil:
        return [];
      case TAG.list:
        return this.list(depth);
      case TAG.smallTuple:
        return new Tuple(this.terms(this.byte(), depth));
      case TAG.largeTuple:
        return new Tuple(this.terms(this.uint32(), depth));
      case TAG.map:
        return this.map(depth);
      default:
        throw new TermError(`unknown tag ${tag}`);
    }
  }

  private list(depth: number): Term {
    const terms = this.terms(this.uint32(), depth);
    const tail = this.read(depth + 1);
    return Array.isArray(tail) ? [...terms, ...tail] : [...terms, tail];
  }

  private map(depth: number): TermMap {
    const count = this.uint32();
    this.checkCount(count * 2);
    const pairs: [Term, Term][] = [];
    for (let i = 0; i < count; i++) pairs.push([this.read(depth + 1), this.read(depth + 1)]);
    return new TermMap(pairs);
  }

  private terms(count: number, depth: number): Term[] {
    this.checkCount(count);
    const terms: Term[] = [];
    for (let i = 0; i < count; i++) terms.push(this.read(depth + 1));
    return terms;
  }

  private bitString(): BitString {
    const length = this.uint32();
    const bits = this.byte();
    return new BitString(this.bytes(length), bits);
  }

  private oldFloat(): number {
    const text = this.bytes(31).toString('latin1').split('\0')[0]!;
    return Number(text);
  }

  private atom(length: number, encoding: 'latin1' | 'utf8'): Atom {
    return new Atom(this.bytes(length).toString(encoding));
  }

  private big(length: number): number | bigint {
    const sign = this.byte();
    const digits = this.bytes(length);
    if (length > 6) {
      const exact = BigInt(`0x${Buffer.from(digits).reverse().toString('hex')}`);
      return exact <= BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(exact) * (sign ? -1 : 1)
        : sign
          ? -exact
          : exact;
    }
    const value = length === 0 ? 0 : digits.readUIntLE(0, length);
    return sign ? -value : value;
  }

  /**
   * Every element takes at least a byte, so a count above the bytes left is false, and must not cause an allocation.
   */
  private checkCount(count: number): void {
    if (count > this.end - this.position) throw new TermError('more elements than bytes');
  }

  private bytes(length: number): Buffer {
    const start = this.take(length);
    return this.buffer.subarray(start, start + length);
  }

  private byte(): number {
    return this.buffer[this.take(1)]!;
  }

  private uint16(): number {
    return this.buffer.readUInt16BE(this.take(2));
  }

  private uint32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  private take(length: number): number {
    const start = this.position;
    if (length > this.end - start) throw new TermError('cut short');
    this.position = start + length;
    return start;
  }
}

/** The JSON value for a term. Binaries that are not UTF-8 become base64. */
export function termToJson(term: Term): unknown {
  if (typeof term === 'number') return term;
  if (typeof term === 'bigint') return term.toString();
  if (Buffer.isBuffer(term)) return utf8OrUndefined(term) ?? { base64: term.toString('base64') };
  if (Array.isArray(term)) return term.map(termToJson);
  if (term instanceof Atom) return atomToJson(term.name);
  if (term instanceof Tuple) return term.elements.map(termToJson);
  if (term instanceof BitString)
    return { base64: term.bytes.toString('base64'), bits_in_last_byte: term.bitsInLastByte };
  return Object.fromEntries(term.pairs.map(([key, value]) => [jsonKey(key), termToJson(value)]));
}

/** The text of a buffer, or undefined if it is not valid UTF-8. */
export function utf8OrUndefined(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function atomToJson(name: string): unknown {
  if (name === 'true' || name === 'false') return name === 'true';
  if (name === 'nil' || name === 'null' || name === 'undefined') return null;
  return name;
}

function jsonKey(key: Term): string {
  const json = key instanceof Atom ? key.name : termToJson(key);
  return typeof json === 'string' ? json : JSON.stringify(json);
}
