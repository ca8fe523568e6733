import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HttpConfig } from '../config/http.config.js';
import { declaredLength, readBody } from './body-reader.js';
import { ContentEncodingError } from './http.errors.js';
import type { InflightBudget } from './inflight-budget.js';
import { parseJson } from './json.js';

export const NDJSON_CONTENT_TYPE = 'application/x-ndjson';

/**
 * Installs the body parsers. JSON bodies are read within the budget of bytes in flight and parsed without loss. NDJSON
 * bodies are passed to the handler as a stream. Everything else is answered with 415.
 */
export function registerBodyParsers(
  instance: FastifyInstance,
  config: HttpConfig,
  budget: InflightBudget,
): void {
  instance.removeAllContentTypeParsers();
  instance.addHook('preParsing', (request, _reply, payload, done) => {
    const encoding = request.headers['content-encoding'];
    const plain = encoding === undefined || encoding === 'identity';
    done(plain ? null : new ContentEncodingError(encoding), payload);
  });
  instance.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: IncomingMessage) => {
      const declared = declaredLength(payload);
      if (declared === 0) return undefined;
      const fits = declared === undefined || declared <= config.maxBodyBytes;
      if (fits) await reserve(request, budget, declared ?? config.maxBodyBytes, config.bodyTimeoutMs);
      const body = await readBody(payload, {
        maxBytes: config.maxBodyBytes,
        timeoutMs: config.bodyTimeoutMs,
      });
      return body.length === 0 ? undefined : parseJson(body);
    },
  );
  instance.addContentTypeParser(NDJSON_CONTENT_TYPE, (_request, payload, done) => done(null, payload));
}

/** Reserves bytes for a request until its answer is sent or its client is gone. */
export async function reserve(
  request: FastifyRequest,
  budget: InflightBudget,
  bytes: number,
  timeoutMs: number,
): Promise<void> {
  const release = await budget.reserve(bytes, timeoutMs);
  const socket = request.raw.socket;
  const response = responses.get(request.raw);
  if (socket.destroyed || response === undefined || response.destroyed) release();
  else response.once('close', release);
}

/** The response of each request. Fastify passes parsers only the request, but they must see when the response ends. */
const responses = new WeakMap<IncomingMessage, ServerResponse>();

/** Records the response of a request; call it in an `onRequest` hook. */
export function rememberResponse(request: IncomingMessage, response: ServerResponse): void {
  responses.set(request, response);
}
