import { GenRocksError } from '@genrocks/storage';

/** A request of the HTTP API. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Relative, with the query but without a leading slash; its parts are percent-encoded. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Buffer };
  readonly signal?: AbortSignal | undefined;
  /** How long the broker may wait before it answers, in milliseconds. */
  readonly waitMs?: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** Carries HTTP API requests to a broker: over the network, or to one inside this process. */
export interface Transport {
  /** @throws `CONNECTION_FAILED`, or the signal's reason */
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** Whether another process may write to the broker meanwhile. */
  readonly isShared: boolean;
  close(): Promise<void>;
}

/** `CONNECTION_FAILED`: no broker answered. It is unknown whether the request was executed. */
export class ConnectionFailedError extends GenRocksError {
  constructor(url: string, reason: string, cause?: unknown) {
    super(
      'CONNECTION_FAILED',
      `no answer from a broker at ${url} (${reason}); start one with "genrocks serve", give another address with --url ` +
        'or GENROCKS_URL, or open its directory with --log-dir while no broker runs',
      true,
      { cause, details: { url } },
    );
  }
}

/** `UNEXPECTED_ANSWER`: something other than a GenRocks broker answered, such as a proxy. */
export class UnexpectedAnswerError extends GenRocksError {
  constructor(status: number, text: string) {
    const shown = text.replace(/\s+/g, ' ').slice(0, 100);
    super(
      'UNEXPECTED_ANSWER',
      `the answer (status ${status}: ${JSON.stringify(shown)}) does not come from a GenRocks broker; check --url` +
        (status === 401 || status === 403 ? ' and --token' : ''),
      status >= 500,
      { details: { status } },
    );
  }
}
