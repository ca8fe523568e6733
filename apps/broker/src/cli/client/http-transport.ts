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
    const timeout = AbortSignal.timeout(waitMs + ANSWER_TIMEOUT_MS);
    try {
      const answer = await fetch(new URL(path, this.base), {
        method,
        headers: body === undefined ? this.headers : { ...this.headers, 'content-type': body.type },
        ...(body === undefined ? {} : { body: body.bytes }),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw new ConnectionFailedError(this.base.href, reasonOf(error), error);
    }
  }

  async close(): Promise<void> {}
}

/** What fetch throws says only that it failed; the cause says why. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}
