import { GenRocksError } from '@genrocks/storage';

/** A request of the HTTP API. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Relative, without a leading slash, its parts percent-encoded; with the query. */
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

/** How requests of the HTTP API get to a broker: over the network, or to one inside of this process. */
export interface Transport {
  /** @throws `CONNECTION_FAILED`; the signal's reason */
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** Another process may write to it meanwhile. */
  readonly isShared: boolean;
  close(): Promise<void>;
}

/** `CONNECTION_FAILED`: no broker answered. Whether it did what was asked is not known. */
export class ConnectionFailedError extends GenRocksError {
  constructor(url: string, reason: string, cause?: unknown) {
    super(
      'CONNECTION_FAILED',
      `no answer from a broker at ${url} (${reason}); start one with "genrocks serve", name another with --url or ` +
        'GENROCKS_URL, or open its directory with --log-dir while no broker runs',
      true,
      { cause, details: { url } },
    );
  }
}

/** `UNEXPECTED_ANSWER`: something answered that is no GenRocks broker, such as a proxy. */
export class UnexpectedAnswerError extends GenRocksError {
  constructor(status: number, text: string) {
    const shown = text.replace(/\s+/g, ' ').slice(0, 100);
    super(
      'UNEXPECTED_ANSWER',
      `the answer (status ${status}: ${JSON.stringify(shown)}) is not that of a broker; look at --url` +
        (status === 401 || status === 403 ? ' and --token' : ''),
      status >= 500,
      { details: { status } },
    );
  }
}
