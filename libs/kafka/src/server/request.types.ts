import type { AnswerMemory } from './answer-memory.js';
import type { Api } from '../protocol/schema/api.js';
import type { Access } from '../security/access.js';
import type { Decoded, Encodable, Fields } from '../protocol/schema/fields.js';

/** What is known of the client behind a connection. */
export interface Session {
  readonly connectionId: number;
  /** The broker of the cluster whose listener the client came to. */
  readonly nodeId: number;
  readonly remoteAddress: string;
  /** The address and port of ours through which the client came. */
  readonly localAddress: string;
  readonly localPort: number;
}

/** What a handler is told besides the request. */
export interface RequestContext {
  readonly version: number;
  /** As the client names itself, '' where it does not. */
  readonly clientId: string;
  readonly session: Session;
  /** What the client may do, as it was when the request was begun. */
  readonly access: Access;
  /** What it may do now: another object where users were exchanged since. */
  readonly accessOf: (session: Session) => Access;
  /** Aborts when the client goes away and when the listener stops: waits end then. */
  readonly signal: AbortSignal;
  /** What the answer takes; given back when the client has it. */
  readonly memory: AnswerMemory;
}

/** The request gets no answer, and the connection goes on. */
export const NO_ANSWER = Symbol('no answer');
/** The request gets no answer, and the connection is closed: the only way to tell such a client of an error. */
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

/** What serves an API. */
export type HandlerOf<A> = A extends Api<infer Request, infer Response> ? Handler<Request, Response> : never;

/** One API with what serves it. */
export interface Route {
  readonly api: Api;
  readonly handle: (request: unknown, context: RequestContext) => unknown;
  /**
   * May the request be served while others before it, for which this is true too, are not done? Handling has to take
   * its place in the order of requests before it first waits. Default: no.
   */
  readonly overlaps?: ((request: unknown, version: number) => boolean) | undefined;
  /**
   * When the handler has answered, nobody reads the request's byte fields any more, which are views of the bytes it came
   * in: their memory is used for other requests then. Default: no.
   */
  readonly keepsNoBytes?: boolean;
  /** The request without what it names again, for which guards and handler would only do the same again. */
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
