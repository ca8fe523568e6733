import { InvalidConfigError, isError } from '@genrocks/storage';
import {
  type CustomTransportStrategy,
  type MessageHandler as RpcHandler,
  Server,
} from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { ServiceStoppedError } from '../errors.js';
import type { ConsumerGroup } from '../groups/consumer-group.js';
import type { ConsumerGroupOptions, HandlerContext, TopicPattern } from '../groups/group.types.js';
import type { Message } from '../message.js';
import { withRefusals } from '../nest/refusals.js';
import type { TopicsService } from '../topics.service.js';
import { GenRocksContext } from './genrocks.context.js';
import { Replies } from './replies.js';
import { RequestBoard } from './request-board.js';
import { HandlerFailedError } from './rpc.errors.js';
import { GENROCKS_TRANSPORT, isWildcard, matches, replyToOf, topicOfRoute } from './transport.js';

/** Options of a consumer group, without those that decorators set. */
export type EventConsumerOptions = Omit<
  ConsumerGroupOptions,
  'group' | 'topics' | 'handler' | 'batchHandler' | 'batchSize'
>;

/** Options of {@link GenRocksServer}. */
export interface GenRocksServerOptions {
  /** The topics service to consume from. */
  topics: TopicsService;
  /**
   * The consumer group of event handlers that name none. A handler names its own with
   * `@EventPattern('orders', GENROCKS_TRANSPORT, { group: 'billing' })`. Default `nest`.
   */
  group?: string;
  /** Options of all event groups: retries, dead letters, concurrency, ... */
  consumer?: EventConsumerOptions;
  /** Options of single groups by name; they override `consumer`. */
  groups?: Readonly<Record<string, EventConsumerOptions>>;
  /** Maximum concurrent requests per partition. Default 64. */
  requestConcurrency?: number;
}

/** The patterns of a group, with their handlers. */
class Routes {
  readonly byTopic = new Map<string, RpcHandler[]>();
  readonly byPattern: { readonly pattern: TopicPattern; readonly handlers: RpcHandler[] }[] = [];

  add(pattern: TopicPattern, handler: RpcHandler): void {
    if (!isWildcard(pattern)) {
      const handlers = this.byTopic.get(pattern);
      if (handlers === undefined) this.byTopic.set(pattern, [handler]);
      else handlers.push(handler);
      return;
    }
    const known = this.byPattern.find((one) => String(one.pattern) === String(pattern));
    if (known === undefined) this.byPattern.push({ pattern, handlers: [handler] });
    else known.handlers.push(handler);
  }

  get topics(): TopicPattern[] {
    return [...this.byTopic.keys(), ...this.byPattern.map(({ pattern }) => pattern)];
  }

  /** The handlers of the exact name, or else of the first matching pattern. */
  of(topic: string): readonly RpcHandler[] {
    return (
      this.byTopic.get(topic) ?? this.byPattern.find(({ pattern }) => matches(pattern, topic))?.handlers ?? []
    );
  }
}

/**
 * Nest's microservice transport over topics: a pattern is a topic.
 *
 * `@EventPattern` handlers are members of a consumer group, whose options decide on commits, retries and dead letters. `@MessagePattern` handlers answer the requests of a
 * {@link GenRocksClient} (or, through the Kafka listener, of Nest's `ClientKafka`).
 *
 * @example
 * app.connectMicroservice({ strategy: app.get(GenRocksServer) }, { inheritAppConfig: true });
 * await app.startAllMicroservices();
 *
 * @publicApi
 */
export class GenRocksServer
  extends Server<Record<string, never>, 'connected' | 'disconnected'>
  implements CustomTransportStrategy
{
  override transportId = GENROCKS_TRANSPORT;
  /** The group reports failing handlers, so Nest need not log them as unhandled. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly topics: TopicsService;
  private readonly board: RequestBoard;
  private readonly events = new Map<string, Routes>();
  private readonly requests = new Map<string, RpcHandler>();
  private readonly answering = new Set<Replies>();
  private members: ConsumerGroup[] = [];

  constructor(private readonly options: GenRocksServerOptions) {
    super();
    if (options.topics === undefined) {
      throw new InvalidConfigError(['GenRocksServer: topics is missing; inject TopicsService and pass it']);
    }
    this.topics = options.topics;
    this.board = RequestBoard.of(this.topics);
  }

  /** Binds a handler; Nest calls this for each decorated method. */
  override addHandler(
    pattern: unknown,
    callback: RpcHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    const route = pattern instanceof RegExp ? String(pattern) : this.normalizePattern(pattern as string);
    if (!isEventHandler) {
      this.requests.set(topicOfRoute(route), callback);
    } else {
      const { group = this.options.group ?? 'nest' } = extras;
      if (typeof group !== 'string') {
        throw new InvalidConfigError([`@EventPattern(${route}): group must be the name of a consumer group`]);
      }
      let routes = this.events.get(group);
      if (routes === undefined) this.events.set(group, (routes = new Routes()));
      routes.add(isWildcard(pattern) ? pattern : topicOfRoute(route), callback);
    }
    this.messageHandlers.set(route, callback);
  }

  /** Joins the groups: at once, or with the application's bootstrap if that is still to come. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      await this.start();
      this._status$.next('connected');
      callback();
    } catch (error) {
      await this.close();
      callback(error);
    }
  }

  /** Drains the groups and ends answers in progress. Idempotent. */
  async close(): Promise<void> {
    const { members } = this;
    this.members = [];
    await Promise.all(members.map((member) => member.stop()));
    for (const replies of [...this.answering]) {
      await replies
        .fail(new ServiceStoppedError('the server was closed before the answer was complete'))
        .catch(() => {});
      replies.cancel();
    }
    if (members.length > 0) this._status$.next('disconnected');
  }

  /** As `TopicsService.events.on`. */
  override on(event: string, callback: (...args: unknown[]) => void): void {
    (this.topics.events as NodeJS.EventEmitter).on(event, callback);
  }

  override unwrap<T = TopicsService>(): T {
    return this.topics as T;
  }

  private async start(): Promise<void> {
    if (this.members.length > 0) return;
    for (const [group, routes] of this.events) {
      const options = { ...this.options.consumer, ...this.options.groups?.[group] };
      await this.join({
        ...options,
        group,
        topics: routes.topics,
        retry: options.retry === false ? false : withRefusals(options.retry),
        handler: (message, context) => this.onEvent(routes.of(message.topic), message, context),
      });
    }
    if (this.requests.size === 0) return;
    await this.join({
      group: `${this.options.group ?? 'nest'}.requests`,
      topics: [...this.requests.keys()],
      concurrency: this.options.requestConcurrency ?? 64,
      // A failed request is answered with its error, and is then done.
      retry: false,
      deadLetter: false,
      // When a member leaves, its messages are handled again elsewhere. Requests must not be.
      handlerTimeoutMs: 0,
      handler: (message, context) => this.onRequest(this.requests.get(message.topic)!, message, context),
    });
  }

  private async join(options: ConsumerGroupOptions): Promise<void> {
    this.members.push(await this.topics.startConsumerGroup(options));
  }

  /** Waits for all handlers; the event fails with the first error. */
  private async onEvent(
    handlers: readonly RpcHandler[],
    message: Message,
    context: HandlerContext,
  ): Promise<void> {
    const ends = await Promise.allSettled(handlers.map((handler) => this.handle(handler, message, context)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  private async handle(handler: RpcHandler, message: Message, context: HandlerContext): Promise<void> {
    const rpc = new GenRocksContext([message, context]);
    try {
      await this.processing(rpc, async () => {
        const result: unknown = await handler(message.value, rpc);
        if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      });
    } catch (error) {
      throw causeOf(error, rpc);
    }
  }

  /** Resolves when the first answer is stored; further answers of an Observable follow independently. */
  private async onRequest(handler: RpcHandler, message: Message, context: HandlerContext): Promise<void> {
    const to = replyToOf(message.headers);
    if (to === undefined) return this.handle(handler, message, context);
    // After a restart, requests come again whose clients are gone.
    if (to.expiresAt <= Date.now()) return;
    const rpc = new GenRocksContext([message, context]);
    const replies = new Replies(this.topics, to);
    this.answering.add(replies);
    this.board.serve(to.correlationId, () => replies.cancel());
    void replies.ended.then(() => {
      this.answering.delete(replies);
      this.board.done(to.correlationId);
    });
    try {
      await this.processing(rpc, async () => {
        const result$ = this.transformToObservable(await handler(message.value, rpc));
        replies.follow(this.send(result$, (packet) => replies.send(packet)));
        await replies.begun;
      });
    } catch (error) {
      await replies.send({ err: error, isDisposed: true });
    }
  }

  /** Runs work between Nest's processing hooks. A start hook need not return the result of `done`, so it is kept here. */
  private async processing(context: GenRocksContext, work: () => Promise<void>): Promise<void> {
    const outcome = await new Promise<{ error: unknown } | undefined>((resolve) => {
      const run = () =>
        work()
          .then(
            () => resolve(undefined),
            (error: unknown) => resolve({ error }),
          )
          .finally(() => this.onProcessingEndHook?.(this.transportId, context));
      this.onProcessingStartHook(this.transportId, context, run);
    });
    if (outcome !== undefined) throw outcome.error;
  }
}

/** The error for the group: the filter's, if it is an Error, otherwise the handler's own. */
function causeOf(error: unknown, { failure }: GenRocksContext): Error {
  if (isError(error)) return error;
  if (isError(failure?.error)) return failure.error;
  return new HandlerFailedError(failure === undefined ? error : failure.error);
}
