import { once } from 'node:events';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from '@genrocks/storage';
import { type ApiAnswer, type ApiRequest, ConnectionFailedError, type Transport } from './transport.js';

/** Time limit on top of the time that a request asks the broker to wait, in milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Sends requests to a running broker. */
export class HttpTransport implements Transport {
  readonly isShared = true;
  private readonly base: URL;
  private readonly headers: Record<string, string> = {};

  /**
   * @param token bearer token for a proxy in front of the broker; user and password in the URL serve the same purpose
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
 * Sends a request and reads the whole answer. Does not use `fetch`, which refuses some ports. Its promise also never
 * settles, and does not keep the process alive, if a server accepts a connection and closes it at once, as port
 * forwarders do.
 */
async function exchange(
  url: URL,
  options: RequestOptions,
  body: Buffer | undefined,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const request = (url.protocol === 'https:' ? https : http).request(url, options);
  const timer = setTimeout(() => {
    request.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`));
  }, timeoutMs);
  try {
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    // Destroying the request later also destroys its answer, and emits an error here.
    request.on('error', () => {});
    return { status: answer.statusCode!, text: await text(answer) };
  } finally {
    clearTimeout(timer);
  }
}
