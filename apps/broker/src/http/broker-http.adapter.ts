import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply } from 'fastify';
import type { HttpConfig } from '../config/http.config.js';
import { registerBodyParsers, rememberResponse } from './body-parsers.js';
import { LateHeaders } from './late-headers.js';
import { InvalidRequestError, MethodNotAllowedError, ShuttingDownError } from './http.errors.js';
import { InflightBudget } from './inflight-budget.js';
import { createProblem, type Problem, PROBLEM_CONTENT_TYPE, toProblem } from './problem.js';
import { RouteMethods } from './route-methods.js';

/** Longest path parameter: fits every topic and group name, fully percent-encoded. */
const MAX_PARAM_LENGTH = 4096;

/** No route has a Fastify schema, because loading the compilers (such as Ajv) would take a twentieth of the start. */
const NO_SCHEMAS = { buildValidator: refuseSchemas, buildSerializer: refuseSchemas };

function refuseSchemas(): never {
  throw new Error('routes of the broker must not have schemas; pipes check their input');
}

/** Node's error code for a connection whose headers took too long. */
const HEADERS_TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';

/** Interval at which Node checks for connections whose headers took too long, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/**
 * The Fastify platform with the broker's limits, body parsers, error responses and graceful shutdown.
 *
 * Shutdown has three steps, all in `beforeClose`, which Nest calls before it stops anything else: refuse new connections
 * and requests; end streams and long polls; let requests in flight finish, or cut them off at the time limit.
 */
export class BrokerHttpAdapter extends FastifyAdapter {
  /** Bytes of request bodies in flight. */
  readonly budget: InflightBudget;
  /** Bytes held by NDJSON uploads; a separate budget, because an upload may last for hours. */
  readonly uploads: InflightBudget;
  /** Bytes of answers with messages that are in flight. */
  readonly answers: InflightBudget;
  private readonly routes = new RouteMethods();
  /** Connections that have not sent a request yet. Node does not close them with the idle ones. */
  private readonly unused = new Set<Socket>();
  private readonly ending = new AbortController();
  private readonly late: LateHeaders;
  private closing: Promise<void> | undefined;

  constructor(private readonly config: HttpConfig) {
    const late = new LateHeaders();
    super({
      bodyLimit: config.maxBodyBytes,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      connectionTimeout: idleTimeoutMs(config),
      // No limit for the whole request: bodies have their own limits, and a bulk upload may last as long as it makes progress.
      requestTimeout: 0,
      http: {
        headersTimeout: config.headersTimeoutMs,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
        // Node would refuse a missing host header with an answer that is not a problem document; a hook refuses it instead.
        requireHostHeader: false,
      },
      routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
      schemaController: { compilersFactory: NO_SCHEMAS },
      clientErrorHandler: (error, socket) => {
        const answer = () => answerBrokenRequest(error, socket);
        if (error.code === HEADERS_TOO_SLOW) late.suspect(socket, answer);
        else answer();
      },
      frameworkErrors: (error: FastifyError, _request: unknown, reply: unknown) => {
        void sendProblem(reply as FastifyReply, routerProblem(error.code, error.message));
      },
    });
    this.late = late;
    // Every stream and long poll adds a listener.
    setMaxListeners(0, this.ending.signal);
    this.budget = new InflightBudget(config.maxInflightBytes);
    this.uploads = new InflightBudget(config.maxInflightBytes);
    this.answers = new InflightBudget(config.maxInflightBytes);
    this.addHooks();
    this.instance.server.maxConnections = config.maxConnections;
  }

  /** Aborts when the broker begins to stop. Anything that waits on behalf of a client then gives up. */
  get endingSignal(): AbortSignal {
    return this.ending.signal;
  }

  override registerParserMiddleware(): void {
    registerBodyParsers(this.instance, this.config, this.budget);
  }

  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- Nest awaits it; its type is narrower than that
  override beforeClose(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  private addHooks(): void {
    this.instance.server.on('connection', (socket: Socket) => {
      this.unused.add(socket);
      socket.once('close', () => this.unused.delete(socket));
    });
    this.instance.server.on('request', ({ socket }: IncomingMessage) => {
      this.unused.delete(socket);
      this.late.requestCame(socket);
    });
    // The event is emitted for expectations other than 100-continue, instead of the request.
    this.instance.server.on('checkExpectation', refuseExpectation);
    this.instance.addHook('onRoute', ({ method, url }) => this.routes.add(method, url));
    this.instance.addHook('onRequest', (request, reply, done) => {
      rememberResponse(request.raw, reply.raw);
      if (this.ending.signal.aborted) return done(new ShuttingDownError());
      if (lacksHost(request.raw)) {
        // Close the connection, as Node does: further requests of such a client would be no better.
        reply.header('connection', 'close');
        return done(new InvalidRequestError(['the header host is missing']));
      }
      const allowed = request.is404 ? this.routes.of(request.url) : [];
      if (allowed.length === 0) return done();
      reply.header('allow', allowed.join(', '));
      done(new MethodNotAllowedError(request.method, allowed));
    });
    this.instance.addHook('onSend', (_request, reply, payload, done) => {
      if (this.ending.signal.aborted) reply.header('connection', 'close');
      done(null, payload);
    });
  }

  private async drain(): Promise<void> {
    const { server } = this.instance;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.ending.abort();
    server.closeIdleConnections();
    for (const socket of this.unused) socket.destroy();
    // A keep-alive connection becomes idle only after its answer is sent.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    const limit = setTimeout(() => server.closeAllConnections(), this.config.shutdownTimeoutMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(limit);
  }
}

/** Socket timeout: longer than any silence within an answer, so that only dead or stalled connections are closed. */
function idleTimeoutMs(config: HttpConfig): number {
  const { bodyTimeoutMs, heartbeatMs, keepAliveTimeoutMs, maxWaitMs } = config;
  return Math.max(bodyTimeoutMs, heartbeatMs, keepAliveTimeoutMs, maxWaitMs) + 30_000;
}

/** HTTP/1.1 requires the host header, HTTP/1.0 does not. */
function lacksHost({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.host === undefined;
}

function refuseExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const problem = createProblem(
    'EXPECTATION_FAILED',
    `the header expect: ${headers.expect} is not supported; omit it`,
  );
  const body = Buffer.from(JSON.stringify(problem));
  response.writeHead(problem.status, {
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': body.length,
    connection: 'close',
  });
  response.end(body);
}

/** Sends a problem as the answer to a request. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.retriable && problem.status === 503) reply.header('retry-after', '1');
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(problem));
}

/** Converts router errors, which occur before a route is found. */
function routerProblem(code: string, message: string): Problem {
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return createProblem('URI_TOO_LONG', 'the path is too long');
  return code === 'FST_ERR_BAD_URL' ? createProblem('INVALID_REQUEST', message) : toProblem(undefined);
}

/** Answers input that never became a request: bytes that are not HTTP, headers too large or too slow, a truncated body. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = brokenRequestProblem(error.code);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function brokenRequestProblem(code: string | undefined): Problem {
  switch (code) {
    case HEADERS_TOO_SLOW:
      return createProblem(
        'REQUEST_TIMEOUT',
        'the headers did not arrive in time (http.headers_timeout_ms)',
        {
          retriable: true,
        },
      );
    case 'HPE_HEADER_OVERFLOW':
      return createProblem('HEADERS_TOO_LARGE', 'the headers are larger than 16 KiB');
    case 'HPE_INVALID_EOF_STATE':
      return createProblem('BODY_INCOMPLETE', 'the connection ended before the request was complete', {
        retriable: true,
      });
    default:
      return createProblem('INVALID_REQUEST', 'this is not an HTTP/1.1 request');
  }
}
