import { MalformedRequestError } from '../errors.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { metadata } from '../protocol/apis/metadata.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { readClientId, readRequestHeader, writeResponseHeader } from '../protocol/header.js';
import type { Api, ResponseOf } from '../protocol/schema/api.js';
import { Reader } from '../protocol/wire/reader.js';
import { Writer } from '../protocol/wire/writer.js';
import { type Access, FULL_ACCESS } from '../security/access.js';
import {
  CLOSE,
  isSilence,
  type RequestContext,
  type Route,
  type Session,
  type Silence,
} from './request.types.js';

/** API key, version and correlation id. */
const MIN_REQUEST_BYTES = 8;

/** What a connection gives for a request; the rest of the context is the request's own. */
export type ConnectionContext = Omit<RequestContext, 'version' | 'clientId' | 'access' | 'accessOf'>;

export type Outcome = Buffer[] | Silence;

/** Who may use what, where clients have to authenticate. */
export interface Gate {
  /** May the connection use this API? */
  allows(session: Session, apiKey: number): boolean;
  accessOf(session: Session): Access;
  /** Has the connection failed to authenticate? It has its last answer then. */
  isRefused(session: Session): boolean;
  /** Is the next message of the connection one of SASL alone, without a header? */
  expectsToken(session: Session): boolean;
  answerToken(session: Session, token: Buffer): Promise<Buffer | typeof CLOSE>;
}

/** A request that was read and may be served. */
export interface PreparedRequest {
  /** It may be served while others that may are; answers keep the order of the requests. */
  readonly overlaps: boolean;
  /** Once it is served, nobody reads the bytes it came in. */
  readonly isDoneWithBytes: boolean;
  serve(connection: ConnectionContext): Promise<Outcome>;
}

/** What is true of a request of which nothing else is known. */
const ALONE = { overlaps: false, isDoneWithBytes: false };

/** Finds out what a request is, has it served, and writes the answer. */
export class Dispatcher {
  private readonly routes: ReadonlyMap<number, Route>;
  private readonly keys: ResponseOf<typeof apiVersions>['apiKeys'];
  private readonly accessOf = (session: Session): Access => this.gate?.accessOf(session) ?? FULL_ACCESS;

  constructor(
    routes: readonly Route[],
    private readonly gate?: Gate,
  ) {
    const all = [...routes, { api: apiVersions as unknown as Api, handle: () => this.apiVersions() }];
    this.routes = new Map(all.map((route) => [route.api.key, route]));
    this.keys = all
      .map(({ api }) => ({ apiKey: api.key, minVersion: api.minVersion, maxVersion: api.maxVersion }))
      .sort((a, b) => a.apiKey - b.apiKey);
  }

  /** May the connection use more than it takes to authenticate? */
  isAuthenticated(session: Session): boolean {
    return this.gate?.allows(session, metadata.key) ?? true;
  }

  /** May the connection do nothing any more but read its answer? */
  isRefused(session: Session): boolean {
    return this.gate?.isRefused(session) ?? false;
  }

  /** Bytes of the shortest message the connection may send now. */
  leastBytes(session: Session): number {
    return this.gate?.expectsToken(session) === true ? 1 : MIN_REQUEST_BYTES;
  }

  /**
   * @param frame one request without its length
   * @throws {MalformedRequestError} `MALFORMED_REQUEST`
   */
  prepare(frame: Buffer, session: Session): PreparedRequest {
    if (this.gate?.expectsToken(session) === true) return this.token(this.gate, frame, session);
    const reader = new Reader(frame);
    const { apiKey, apiVersion: version, correlationId } = readRequestHeader(reader);
    const route = this.routes.get(apiKey);
    if (route === undefined) throw new MalformedRequestError(`API ${apiKey} is not served`);
    const { api } = route;
    if (!api.supports(version)) {
      if (api.key === apiVersions.key) {
        return { ...ALONE, serve: async () => this.tooNew(correlationId) };
      }
      throw new MalformedRequestError(`${api.name} version ${version} is not served`);
    }
    if (this.gate?.allows(session, api.key) === false) {
      throw new MalformedRequestError(`${api.name} came before authentication`);
    }
    const clientId = readClientId(reader, api.isFlexible(version)) ?? '';
    const decoded = api.requestCodec(version).decode(reader);
    const request = route.distinct?.(decoded) ?? decoded;
    const { accessOf } = this;
    return {
      overlaps: route.overlaps?.(request, version) ?? false,
      isDoneWithBytes: route.keepsNoBytes ?? false,
      async serve(connection) {
        // As it is now: the request may have waited behind others.
        const context = { ...connection, version, clientId, access: accessOf(session), accessOf };
        const answer = (await route.handle(request, context)) as object | Silence;
        if (isSilence(answer)) return answer;
        return encode(api, version, correlationId, answer);
      },
    };
  }

  private token(gate: Gate, token: Buffer, session: Session): PreparedRequest {
    return {
      ...ALONE,
      async serve() {
        const answer = await gate.answerToken(session, token);
        return answer === CLOSE ? CLOSE : withLength(answer);
      },
    };
  }

  private apiVersions(): ResponseOf<typeof apiVersions> {
    return { errorCode: ErrorCode.NONE, apiKeys: this.keys };
  }

  /** A client that speaks newer versions than we do reads this in version 0, and asks again with one of ours. */
  private tooNew(correlationId: number): Buffer[] {
    const answer = { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: this.keys };
    return encode(apiVersions, 0, correlationId, answer);
  }
}

function encode(api: Api, version: number, correlationId: number, answer: object): Buffer[] {
  const writer = new Writer();
  writeResponseHeader(writer, api, version, correlationId);
  api.responseCodec(version).encode(writer, answer);
  return writer.frame();
}

function withLength(token: Buffer): Buffer[] {
  const length = Buffer.alloc(4);
  length.writeInt32BE(token.length);
  return [length, token];
}
