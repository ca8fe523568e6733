import { Readable } from 'node:stream';
import type { Observable } from 'rxjs';
import { PartitionNotFoundError, TopicStoppedError } from './errors.js';
import type { Instruments } from './instrumentation.js';
import type { Message, PublishMessage, PublishResult } from './message.js';
import type { Partition } from './partition/partition.js';
import { type OpenTopic, publishEncoded, publishMany, publishOne } from './publisher.js';
import type { RecordInput } from './records/batch-writer.js';
import { assertStreamOptions, type MessageStreamOptions, streamMessages } from './stream/message-stream.js';
import { observeMessages, type ObserveOptions } from './stream/observe.js';
import type { TopicDescription, TopicInfo, TopicState } from './topic.types.js';

/** The facts of a topic that do not depend on its being open. @internal */
export type TopicFacts = Omit<TopicDescription, 'name' | 'state' | 'partitions'>;

/**
 * A topic: a name over its partitions. One object serves a topic through stops and starts, so it may be injected
 * before storage is open; its methods fail with `TOPIC_STOPPED` until the topic runs.
 *
 * @publicApi
 */
export class Topic<T = unknown> {
  private current: OpenTopic | undefined;
  private facts: TopicFacts | undefined;
  private currentState: TopicState = 'starting';

  /** @internal */
  constructor(
    readonly name: string,
    private readonly instruments?: Instruments,
  ) {}

  /** UUID, stable over restarts. */
  get id(): string {
    return this.known().id;
  }

  /** Whether it can be published to and read now. */
  get state(): TopicState {
    return this.currentState;
  }

  /** Empty while the topic is not running. */
  get partitions(): readonly Partition[] {
    return this.current?.partitions ?? [];
  }

  /** Number of partitions. */
  get partitionCount(): number {
    return this.known().partitionCount;
  }

  /** @throws `PARTITION_NOT_FOUND`, `TOPIC_STOPPED` */
  partition(index: number): Partition {
    const { partitions } = this.running();
    const partition = partitions[index];
    if (partition === undefined) throw new PartitionNotFoundError(this.name, index, partitions.length);
    return partition;
  }

  /**
   * Publishes a message. Resolves once it is as durable as the topic's storage promises; messages of one caller to
   * one partition keep the order of the calls. Waits for room where too much is pending. A topic with `dedup` stores
   * nothing for a repeat of an `id`, and answers with the place of the first and `duplicate`.
   * @throws `TOPIC_STOPPED`, `PARTITION_NOT_FOUND`, `INVALID_MESSAGE`, `MESSAGE_TOO_LARGE`, `CODEC_FAILED`,
   *   `SCHEMA_VIOLATION`, `BACKPRESSURE`, or what the store says (`NO_SPACE`, `LOG_FULL`, ...)
   */
  publish(message: PublishMessage<T>): Promise<PublishResult> {
    const publishing = this.instruments?.publishing;
    if (publishing === undefined) return this.publishOne(message);
    return publishing(this.name, [message], ([own]) => this.publishOne(own as PublishMessage<T>));
  }

  /**
   * Publishes many messages; results are in their order. Nothing is stored if one of them is not valid. What goes
   * to one partition is stored whole or not at all; where only some partitions failed, the call fails with
   * `PARTIALLY_PUBLISHED`, which tells what is stored.
   * @throws as {@link publish}, and `PARTIALLY_PUBLISHED`
   */
  publishBatch(messages: readonly PublishMessage<T>[]): Promise<PublishResult[]> {
    const publishing = this.instruments?.publishing;
    if (publishing === undefined) return this.publishMany(messages);
    return publishing(this.name, messages, (own) => this.publishMany(own as readonly PublishMessage<T>[]));
  }

  private publishOne(message: PublishMessage<T>): Promise<PublishResult> {
    return new Promise((resolve, reject) => publishOne(this.running(), message, resolve, reject));
  }

  private publishMany(messages: readonly PublishMessage<T>[]): Promise<PublishResult[]> {
    return new Promise((resolve, reject) => {
      const open = this.running();
      if (messages.length === 0) return resolve([]);
      publishMany(open, messages, resolve, reject);
    });
  }

  /**
   * The topic's messages, read as they are asked for, without a group: what is there and (unless `live` is false) what
   * comes, until the signal aborts, the loop is left, or the topic stops. Each partition keeps its order.
   * {@link observe} makes an Observable of it, {@link toReadable} a Readable.
   *
   * @throws `TOPIC_STOPPED`, `PARTITION_NOT_FOUND`, `INVALID_MESSAGE`; in the loop `OFFSET_OUT_OF_RANGE` where retention
   *   overtook it, `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`, or what the store says
   */
  messages(options: MessageStreamOptions = {}): AsyncGenerator<Message<T>, void, undefined> {
    assertStreamOptions(options);
    const partitions =
      options.partitions === undefined
        ? this.running().partitions
        : options.partitions.map((index) => this.partition(index));
    return streamMessages<T>(partitions, options);
  }

  /** {@link messages} as a Readable of objects; destroying it ends the reading. */
  toReadable(options: MessageStreamOptions = {}): Readable {
    const end = new AbortController();
    const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal]);
    const readable = Readable.from(this.messages({ ...options, signal }), { objectMode: true });
    // A generator that waits for data cannot be left; the signal ends its wait.
    return readable.once('close', () => end.abort());
  }

  /**
   * {@link messages} as an RxJS Observable: every subscription reads by itself, unsubscribing ends the reading.
   *
   * Operators that answer at once (`map`, `filter`, `scan`, `groupBy`, `bufferTime`) run while it reads, page by page.
   * An Observable has no way to ask for less: what takes time belongs into `each`, which is called only while fewer
   * than `concurrency` calls are under way; piped through `concatMap` or `mergeMap` messages would gather without bound.
   *
   * @throws nothing; the subscriber gets what {@link messages} throws, and `INVALID_MESSAGE`
   */
  observe<R = Message<T>>(options: ObserveOptions<T, R> = {}): Observable<R> {
    return observeMessages<T, R>((where) => this.messages(where), options);
  }

  /** Publishes bytes as they are, routed by their key, past the limit for messages of users. @internal */
  publishRecord(record: RecordInput, partition?: number): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      publishEncoded(this.running(), record, partition, resolve, reject);
    });
  }

  /** Removes every message of every partition. Offsets go on where they were. */
  async truncate(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.truncate()));
  }

  /** Reclaims space where the adapter can. */
  async optimize(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.optimize()));
  }

  /** Resolves when everything published before the call is on stable storage, as far as the adapter knows one. */
  async sync(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.sync()));
  }

  /** What {@link describe} tells, with the counters of its partitions and what their stores say. */
  async info(): Promise<TopicInfo> {
    const partitions = await Promise.all(this.partitions.map((partition) => partition.info()));
    const ids = this.current?.dedup?.info;
    return { ...this.describe(), ...(ids === undefined ? {} : { ids }), partitions };
  }

  /** Its settings, and offsets of its partitions, from memory. */
  describe(): TopicDescription {
    return {
      name: this.name,
      ...this.known(),
      state: this.currentState,
      partitions: this.partitions.map((partition) => partition.describe()),
    };
  }

  /** What it is while it runs. @internal */
  get opened(): OpenTopic | undefined {
    return this.current;
  }

  /** @internal */
  attach(facts: TopicFacts, current: OpenTopic): void {
    this.facts = facts;
    this.current = current;
    this.currentState = 'running';
  }

  /** @internal */
  grow(facts: TopicFacts, added: readonly Partition[]): void {
    const { current } = this;
    if (current === undefined) return;
    this.attach(facts, { ...current, partitions: [...current.partitions, ...added] });
  }

  /** @internal */
  detach(state: TopicState, facts = this.facts): OpenTopic | undefined {
    const { current } = this;
    this.current = undefined;
    this.facts = facts;
    this.currentState = state;
    return current;
  }

  private running(): OpenTopic {
    if (this.current === undefined) throw new TopicStoppedError(this.name, this.currentState);
    return this.current;
  }

  private known(): TopicFacts {
    if (this.facts === undefined) throw new TopicStoppedError(this.name, this.currentState);
    return this.facts;
  }
}
