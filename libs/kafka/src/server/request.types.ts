import type { AnswerMemory } from './answer-memory.js';
import type { Api } from '../protocol/schema/api.js';
import type { Access } from '../security/access.js';
import type { Decoded, Encodable, Fields } from '../protocol/schema/fields.js';

/** A connection and its client. */
export interface Session {
  readonly connectionId: number;
  /** Id of the broker whose listener the client connected to. */
  readonly nodeId: number;
  readonly remoteAddress: string;
  /** Our address and port of this connection. */
  readonly localAddress: string;
  readonly localPort: number;
}

/** The context in which a request is served. */
export interface RequestContext {
  readonly version: number;
  /** The client's name for itself; '' if it gives none. */
  readonly clientId: string;
  readonly session: Session;
  /** The client's rights when the request was begun. */
  readonly access: Access;
  /** Returns the client's current rights: a different object if the users were replaced since. */
  readonly accessOf: (session: Session) => Access;
  /** Aborts when the client disconnects or the listener stops, to end waits. */
  readonly signal: AbortSignal;
  /** The memory of the answer; released when the client has received it. */
  readonly memory: AnswerMemory;
}

/** The request gets no answer, and the connection stays open. */
export const NO_ANSWER = Symbol('no answer');
/** The request gets no answer, and the connection is closed: the only way to report an error to such a client. */
export const CLOSE = Symbol('close');

export type Silence = typeof NO_ANSWER | typeof CLOSE;

export function isSilence(answer: object | Silence): answer is Silence {
  return answer === NO_ANSWER || answer === CLOSE;
}

type Answer<Response extends Fields> = Encodable<Response> | Silence;

export type Handler<Request extends Fields, Response extends Fields> = (
  request: Decoded<Request>,
  context: RequestContext,
) => Answer<Response> | Promise<Answer<Response>>;

/** The handler of an API. */
export type HandlerOf<A> = A extends Api<infer Request, infer Response> ? Handler<Request, Response> : never;

/** An API and its handler. */
export interface Route {
  readonly api: Api;
  readonly handle: (request: unknown, context: RequestContext) => unknown;
  /**
   * Whether the request may be served while earlier overlapping requests are not done. The handler must take its place
   * in the order of requests before its first await. Default: no.
   */
  readonly overlaps?: ((request: unknown, version: number) => boolean) | undefined;
  /**
   * Whether nothing reads the request's byte fields once the handler has answered. They are views of the received
   * bytes, whose memory is then reused for other requests. Default: no.
   */
  readonly keepsNoBytes?: boolean;
  /** Returns the request without repeated items, so that rule and handler process each item once. */
  readonly distinct?: ((request: unknown) => unknown) | undefined;
}

export interface RouteTraits<Request extends Fields> {
  readonly overlaps?: (request: Decoded<Request>, version: number) => boolean;
  readonly keepsNoBytes?: boolean;
  readonly distinct?: (request: Decoded<Request>) => Decoded<Request>;
}

export function route<Request extends Fields, Response extends Fields>(
  api: Api<Request, Response>,
  handle: Handler<Request, Response>,
  traits: RouteTraits<Request> = {},
): Route {
  return { ...(traits as Partial<Route>), api, handle: handle as Route['handle'] };
}
