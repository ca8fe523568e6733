import { randomUUID } from 'node:crypto';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { InvalidConfigError } from '@genrocks/storage';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { Message, PublishMessage, PublishResult } from '../message.js';
import type { TopicStorage } from '../options.js';
import type { TopicsService } from '../topics.service.js';
import { GenRocksRecord } from './genrocks.record.js';
import { ReplyInbox } from './reply-inbox.js';
import { RequestBoard } from './request-board.js';
import { ClientClosedError, errorFromText, RequestTimeoutError } from './rpc.errors.js';
import { isWildcard, RpcHeader, topicOfRoute } from './transport.js';

/** Options of {@link GenRocksClient}. */
export interface GenRocksClientOptions {
  /** The topics service to publish through. */
  topics: TopicsService;
  /** How long `send` waits for an answer, and for each further one, in milliseconds; 0 waits for ever. Default 30,000. */
  timeoutMs?: number;
  /** The topic of answers. Default `genrocks.replies`. */
  replyTopic?: string;
  /**
   * Storage of the reply topic, if it has to be created. Default: a plugged-in adapter that keeps nothing across restarts,
   * otherwise the default adapter.
   */
  replyStorage?: TopicStorage;
}

type OnPacket = (packet: WritePacket) => void;

/**
 * Nest's `ClientProxy` over topics. `emit` publishes to the topic of the pattern and resolves when the event is stored.
 * `send` publishes a request and emits its answers.
 *
 * A handler's errors arrive as its filters made them. Unsubscribing tells the server to stop answering. After `close`, the
 * next `send` or `emit` connects again.
 *
 * @publicApi
 */
export class GenRocksClient
  extends ClientProxy<Record<never, () => void>, 'connected' | 'disconnected'>
  implements BeforeApplicationShutdown
{
  private readonly topics: TopicsService;
  private readonly timeoutMs: number;
  private readonly inbox: ReplyInbox;
  private readonly board: RequestBoard;
  private readonly pending = new Set<(error: unknown) => void>();
  private connection: Promise<void> | undefined;

  constructor(private readonly options: GenRocksClientOptions) {
    super();
    const { topics, timeoutMs = 30_000, replyTopic = 'genrocks.replies' } = options;
    if (topics === undefined) {
      throw new InvalidConfigError(['GenRocksClient: topics is missing; inject TopicsService and pass it']);
    }
    if (!Number.isInteger(timeoutMs) || timeoutMs < 0 || timeoutMs > 0x7fffffff) {
      throw new InvalidConfigError([
        `GenRocksClient: timeoutMs: ${String(timeoutMs)} is not allowed; a whole number from 0 to 2147483647`,
      ]);
    }
    this.topics = topics;
    this.timeoutMs = timeoutMs;
    this.inbox = ReplyInbox.of(topics, replyTopic);
    this.board = RequestBoard.of(topics);
  }

  /**
   * Opens the reply topic. `send` and `emit` call it if needed; after a failure, the next call tries again.
   * @throws `SERVICE_STOPPED`, and as `TopicsService.startTopic`
   */
  connect(): Promise<void> {
    return (this.connection ??= this.inbox.open(this.options.replyStorage).then(
      () => this._status$.next('connected'),
      (error: unknown) => {
        this.connection = undefined;
        throw error;
      },
    ));
  }

  /** Closes the client: requests that wait for an answer fail with `CLIENT_CLOSED`. Idempotent. */
  async close(): Promise<void> {
    const { connection } = this;
    if (connection === undefined) return;
    this.connection = undefined;
    for (const fail of [...this.pending]) fail(new ClientClosedError());
    this._status$.next('disconnected');
    await connection.then(
      () => this.inbox.close(),
      () => {},
    );
  }

  /** Closes the client: consumer groups have ended by now, so no answer will come. */
  beforeApplicationShutdown(): Promise<void> {
    return this.close();
  }

  /** `TopicsService.events.on`. */
  override on(event: never, callback: never): void {
    this.topics.events.on(event, callback);
  }

  unwrap<T = TopicsService>(): T {
    return this.topics as T;
  }

  protected publish(packet: ReadPacket, callback: OnPacket): () => void {
    const id = randomUUID();
    const topic = this.topicOf(packet);
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      clearTimeout(timer);
      this.pending.delete(fail);
      this.inbox.forget(id);
    };
    const fail = (err: unknown) => {
      end();
      this.board.cancel(id);
      callback({ err });
    };
    const wait = () => {
      clearTimeout(timer);
      if (this.timeoutMs === 0) return;
      timer = setTimeout(() => fail(new RequestTimeoutError(topic, this.timeoutMs)), this.timeoutMs);
    };
    try {
      const partition = this.inbox.expect(id, (message) => {
        const reply = replyOf(message);
        if (reply.isDisposed === true) end();
        else wait();
        callback(reply);
      });
      this.pending.add(fail);
      wait();
      const record = recordOf(packet, {
        [RpcHeader.correlationId]: id,
        [RpcHeader.replyTopic]: this.inbox.topic,
        [RpcHeader.replyPartition]: String(partition),
        ...(this.timeoutMs === 0 ? {} : { [RpcHeader.expiresAt]: String(Date.now() + this.timeoutMs) }),
      });
      this.topics.publish(topic, record).catch(fail);
    } catch (error) {
      fail(error);
    }
    return () => {
      if (!this.pending.has(fail)) return;
      end();
      this.board.cancel(id);
    };
  }

  protected dispatchEvent<T = PublishResult>(packet: ReadPacket): Promise<T> {
    return this.topics.publish(this.topicOf(packet), recordOf(packet, {})) as Promise<T>;
  }

  private topicOf({ pattern }: ReadPacket): string {
    if (isWildcard(pattern)) {
      throw new InvalidConfigError([`${String(pattern)} is a pattern for many topics; name one topic`]);
    }
    return topicOfRoute(this.normalizePattern(pattern as string));
  }
}

function recordOf(packet: ReadPacket, headers: Record<string, string>): PublishMessage {
  const data: unknown = packet.data;
  const { value, options } = (
    data instanceof GenRocksRecord ? data : new GenRocksRecord(data)
  ) as GenRocksRecord;
  const metadata = packet.metadata === undefined ? {} : { metadata: packet.metadata };
  return { ...options, value, headers: { ...options.headers, ...headers }, ...metadata };
}

/** An unreadable reply ends the answer: other servers may use a format of their own. */
function replyOf(message: Message): WritePacket {
  try {
    return readReply(message);
  } catch (err) {
    return { err, isDisposed: true };
  }
}

function readReply(message: Message): WritePacket {
  const { headers } = message;
  const error = headers[RpcHeader.error];
  if (error !== undefined) return { err: errorFromText(error), isDisposed: true };
  const isDisposed = headers[RpcHeader.isDisposed] !== undefined;
  if (headers[RpcHeader.isEmpty] !== undefined) return { isDisposed };
  return { response: message.value, ...(isDisposed ? { isDisposed } : {}) };
}
