import { MessageCodec } from './codec.js';
import type { Decoded, Encodable, Fields, VersionRange } from './fields.js';

/** The description of one API: everything that is needed to read its requests and write its answers. */
export interface ApiDescription<Request extends Fields, Response extends Fields> {
  readonly key: number;
  readonly name: string;
  /** Versions told to clients. */
  readonly versions: VersionRange;
  /** First version with compact lengths and tagged fields; undefined where none has them. */
  readonly flexibleFrom: number | undefined;
  readonly request: Request;
  readonly response: Response;
}

/** Requests and answers of one API, in every version it has. */
export class Api<Request extends Fields = Fields, Response extends Fields = Fields> {
  readonly key: number;
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  private readonly requests = new Map<number, MessageCodec<Request>>();
  private readonly responses = new Map<number, MessageCodec<Response>>();

  constructor(private readonly description: ApiDescription<Request, Response>) {
    this.key = description.key;
    this.name = description.name;
    [this.minVersion, this.maxVersion] = description.versions;
  }

  supports(version: number): boolean {
    return version >= this.minVersion && version <= this.maxVersion;
  }

  isFlexible(version: number): boolean {
    const { flexibleFrom } = this.description;
    return flexibleFrom !== undefined && version >= flexibleFrom;
  }

  requestCodec(version: number): MessageCodec<Request> {
    return this.codec(this.requests, this.description.request, version);
  }

  responseCodec(version: number): MessageCodec<Response> {
    return this.codec(this.responses, this.description.response, version);
  }

  private codec<F extends Fields>(
    cache: Map<number, MessageCodec<F>>,
    fields: F,
    version: number,
  ): MessageCodec<F> {
    let codec = cache.get(version);
    if (codec === undefined) {
      cache.set(version, (codec = new MessageCodec(fields, version, this.isFlexible(version))));
    }
    return codec;
  }
}

export function defineApi<Request extends Fields, Response extends Fields>(
  description: ApiDescription<Request, Response>,
): Api<Request, Response> {
  return new Api(description);
}

/** A request of an API as decoding gives it. */
export type RequestOf<A> = A extends Api<infer Request, infer _R> ? Decoded<Request> : never;

/** An answer of an API as encoding takes it. */
export type ResponseOf<A> = A extends Api<infer _R, infer Response> ? Encodable<Response> : never;

/** An answer of an API as a client reads it. */
export type AnswerOf<A> = A extends Api<infer _R, infer Response> ? Decoded<Response> : never;
