import { connect, type Socket } from 'node:net';
import type { Api } from '../protocol/schema/api.js';
import type { Decoded, Encodable, Fields } from '../protocol/schema/fields.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { Reader } from '../protocol/wire/reader.js';
import { Writer } from '../protocol/wire/writer.js';

/** A client that uses the schemas, and can send requests that no real client sends. */
export class RawClient {
  private received = Buffer.alloc(0);
  private readonly waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = [];
  private correlationId = 0;
  private isClosed = false;
  readonly closed: Promise<void>;

  private constructor(readonly socket: Socket) {
    socket.on('data', (piece: Buffer) => this.take(piece));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.isClosed = true;
        this.refuseWaiting();
        resolve();
      }),
    );
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Sends a request and reads its answer. */
  async call<Request extends Fields, Response extends Fields>(
    api: Api<Request, Response>,
    version: number,
    request: Encodable<Request>,
  ): Promise<Decoded<Response>> {
    const answer = this.frame();
    this.socket.write(encodeRequest(api, version, ++this.correlationId, request));
    const reader = new Reader(await answer);
    reader.int32();
    if (api.isFlexible(version) && api.key !== apiVersions.key) reader.skipTags();
    return api.responseCodec(version).decode(reader);
  }

  /** The next answer, without its length. Rejects if the connection is closed before it is complete. */
  frame(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.take(Buffer.alloc(0));
      if (this.isClosed) this.refuseWaiting();
    });
  }

  end(): void {
    this.socket.destroy();
  }

  private refuseWaiting(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('the connection was closed'));
  }

  private take(piece: Buffer): void {
    this.received = Buffer.concat([this.received, piece]);
    while (this.waiting.length > 0 && this.received.length >= 4) {
      const length = this.received.readInt32BE(0);
      if (this.received.length < 4 + length) return;
      this.waiting.shift()!.resolve(this.received.subarray(4, 4 + length));
      this.received = this.received.subarray(4 + length);
    }
  }
}

/** A complete request with its length. */
export function encodeRequest<Request extends Fields, Response extends Fields>(
  api: Api<Request, Response>,
  version: number,
  correlationId: number,
  request: Encodable<Request>,
): Buffer {
  const writer = new Writer();
  writer.int16(api.key).int16(version).int32(correlationId).nullableString('raw');
  if (api.isFlexible(version)) writer.noTags();
  api.requestCodec(version).encode(writer, request);
  return Buffer.concat(writer.frame());
}
