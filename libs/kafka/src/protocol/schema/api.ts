import { MessageCodec } from './codec.js';
import type { Decoded, Encodable, Fields, VersionRange } from './fields.js';

/** Describes one API: everything needed to decode its requests and encode its answers. */
export interface ApiDescription<Request extends Fields, Response extends Fields> {
  readonly key: number;
  readonly name: string;
  /** The versions advertised to clients. */
  readonly versions: VersionRange;
  /** The first version with compact lengths and tagged fields; undefined if there is none. */
  readonly flexibleFrom: number | undefined;
  readonly request: Request;
  readonly response: Response;
}

/** The codecs of one API's requests and answers, in every version. */
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

/** A decoded request of an API. */
export type RequestOf<A> = A extends Api<infer Request, infer _R> ? Decoded<Request> : never;

/** An answer of an API, as input for encoding. */
export type ResponseOf<A> = A extends Api<infer _R, infer Response> ? Encodable<Response> : never;

/** A decoded answer of an API, as a client reads it. */
export type AnswerOf<A> = A extends Api<infer _R, infer Response> ? Decoded<Response> : never;
