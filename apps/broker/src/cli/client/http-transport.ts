import { once } from 'node:events';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from '@genrocks/storage';
import { type ApiAnswer, type ApiRequest, ConnectionFailedError, type Transport } from './transport.js';

/** Beyond the time a request asks the broker to wait, in milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Requests to a broker that runs. */
export class HttpTransport implements Transport {
  readonly isShared = true;
  private readonly base: URL;
  private readonly headers: Record<string, string> = {};

  /**
   * @param token sent as a bearer token, for a proxy in front of the broker; user and password in the URL likewise
   * @throws `INVALID_ARGUMENT`
   */
  constructor(url: string, token?: string) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new InvalidArgumentError(
        `--url: ${JSON.stringify(url)} is not allowed; an address such as http://127.0.0.1:3000`,
      );
    this.base = new URL(url.endsWith('/') ? url : `${url}/`);
    const { username, password } = this.base;
    if (username !== '') {
      const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      this.headers['authorization'] = `Basic ${Buffer.from(user).toString('base64')}`;
      this.base.username = this.base.password = '';
    }
    if (token !== undefined) this.headers['authorization'] = `Bearer ${token}`;
  }

  async send({ method, path, body, signal, waitMs = 0 }: ApiRequest): Promise<ApiAnswer> {
    signal?.throwIfAborted();
    const options: RequestOptions = {
      method,
      headers: body === undefined ? this.headers : { ...this.headers, 'content-type': body.type },
      ...(signal === undefined ? {} : { signal }),
    };
    try {
      return await exchange(new URL(path, this.base), options, body?.bytes, waitMs + ANSWER_TIMEOUT_MS);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ConnectionFailedError(this.base.href, code ?? message, error);
    }
  }

  async close(): Promise<void> {}
}

/**
 * A request and its whole answer. Not `fetch`: it refuses some ports, and its promise never settles, without keeping the
 * process alive, where a server accepts a connection and closes it at once, as forwarders of ports do.
 */
async function exchange(
  url: URL,
  options: RequestOptions,
  body: Buffer | undefined,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const request = (url.protocol === 'https:' ? https : http).request(url, options);
  const timer = setTimeout(() => {
    request.destroy(new Error(`nothing within ${timeoutMs / 1_000} s`));
  }, timeoutMs);
  try {
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    // A request that is destroyed on its way destroys its answer.
    request.on('error', () => {});
    return { status: answer.statusCode!, text: await text(answer) };
  } finally {
    clearTimeout(timer);
  }
}
