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

/** The part of a request's context that the connection supplies. */
export type ConnectionContext = Omit<RequestContext, 'version' | 'clientId' | 'access' | 'accessOf'>;

export type Outcome = Buffer[] | Silence;

/** Access control for listeners whose clients must authenticate. */
export interface Gate {
  /** Whether the connection may use this API. */
  allows(session: Session, apiKey: number): boolean;
  accessOf(session: Session): Access;
  /** Whether the connection has failed to authenticate, so that it gets one last answer. */
  isRefused(session: Session): boolean;
  /** Whether the connection's next message is a SASL token without a protocol header. */
  expectsToken(session: Session): boolean;
  answerToken(session: Session, token: Buffer): Promise<Buffer | typeof CLOSE>;
}

/** A decoded request, ready to be served. */
export interface PreparedRequest {
  /** Whether it may be served together with other overlapping requests. Answers keep the order of the requests. */
  readonly overlaps: boolean;
  /** Whether its bytes are no longer read once it is served. */
  readonly isDoneWithBytes: boolean;
  serve(connection: ConnectionContext): Promise<Outcome>;
}

/** The defaults: served alone, and its bytes may still be read afterwards. */
const ALONE = { overlaps: false, isDoneWithBytes: false };

/** Decodes requests, passes them to their handlers, and encodes the answers. */
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

  /** Whether the connection may use more than the APIs for authentication. */
  isAuthenticated(session: Session): boolean {
    return this.gate?.allows(session, metadata.key) ?? true;
  }

  /** Whether the connection has failed to authenticate and must end after its answer. */
  isRefused(session: Session): boolean {
    return this.gate?.isRefused(session) ?? false;
  }

  /** Length of the shortest message that the connection may send now, in bytes. */
  leastBytes(session: Session): number {
    return this.gate?.expectsToken(session) === true ? 1 : MIN_REQUEST_BYTES;
  }

  /**
   * Decodes a request.
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
        // Look up the access only now: the request may have waited behind others.
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

  /**
   * A client with a newer version than ours reads this answer in version 0, and asks again in a version that we serve.
   */
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
