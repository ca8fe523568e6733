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

/** What is known of a topic whether it is open or not. @internal */
export type TopicFacts = Omit<TopicDescription, 'name' | 'state' | 'partitions'>;

/**
 * A topic: a named set of partitions. The same object serves a topic across stops and starts, so it can be injected before
 * storage is open. Its methods fail with `TOPIC_STOPPED` while the topic does not run.
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

  /** UUID, stable across restarts. */
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

  /**
   * A partition by its number, from 0.
   * @throws `PARTITION_NOT_FOUND`, `TOPIC_STOPPED`
   */
  partition(index: number): Partition {
    const { partitions } = this.running();
    const partition = partitions[index];
    if (partition === undefined) throw new PartitionNotFoundError(this.name, index, partitions.length);
    return partition;
  }

  /**
   * Publishes a message. Resolves when the message is as durable as the topic's storage promises. Messages of one caller
   * to one partition keep the order of the calls. Waits for room while too many bytes are pending. In a topic with
   * `dedup`, a repeat of an `id` stores nothing and resolves to the place of the first message, with `duplicate`.
   * @throws `TOPIC_STOPPED`, `PARTITION_NOT_FOUND`, `INVALID_MESSAGE`, `MESSAGE_TOO_LARGE`, `CODEC_FAILED`,
   *   `SCHEMA_VIOLATION`, `BACKPRESSURE`, or the store's error (`NO_SPACE`, `LOG_FULL`, ...)
   */
  publish(message: PublishMessage<T>): Promise<PublishResult> {
    const publishing = this.instruments?.publishing;
    if (publishing === undefined) return this.publishOne(message);
    return publishing(this.name, [message], ([own]) => this.publishOne(own as PublishMessage<T>));
  }

  /**
   * Publishes many messages; results are in their order. If one message is not valid, nothing is stored. The part that goes
   * to one partition is stored whole or not at all. If only some partitions fail, the call fails with
   * `PARTIALLY_PUBLISHED`, which lists the stored messages.
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
   * Reads the topic without a group, on demand: the messages that are there and (unless `live` is false) new ones, until
   * the signal aborts, the loop is left, or the topic stops. Each partition keeps its order. {@link observe} gives an
   * Observable of it, {@link toReadable} a Readable.
   *
   * @throws `TOPIC_STOPPED`, `PARTITION_NOT_FOUND`, `INVALID_MESSAGE`; in the loop `OFFSET_OUT_OF_RANGE` if retention
   *   overtook the reader, `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`, or the store's error
   */
  messages(options: MessageStreamOptions = {}): AsyncGenerator<Message<T>, void, undefined> {
    assertStreamOptions(options);
    const partitions =
      options.partitions === undefined
        ? this.running().partitions
        : options.partitions.map((index) => this.partition(index));
    return streamMessages<T>(partitions, options);
  }

  /** {@link messages} as a Node Readable in object mode; destroying it ends the reading. */
  toReadable(options: MessageStreamOptions = {}): Readable {
    const end = new AbortController();
    const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal]);
    const readable = Readable.from(this.messages({ ...options, signal }), { objectMode: true });
    // `return` cannot interrupt a generator that waits for data; the signal ends the wait.
    return readable.once('close', () => end.abort());
  }

  /**
   * {@link messages} as an RxJS Observable: each subscription reads for itself, and unsubscribing ends the reading.
   *
   * Synchronous operators (`map`, `filter`, `scan`, `groupBy`, `bufferTime`) run while it reads, page by page. An Observable
   * has no backpressure, so put asynchronous work into `each`, which is called only while fewer than `concurrency` calls
   * are under way. Behind `concatMap` or `mergeMap`, messages would pile up without bound.
   *
   * @throws nothing; the subscriber gets the errors of {@link messages}, and `INVALID_MESSAGE`
   */
  observe<R = Message<T>>(options: ObserveOptions<T, R> = {}): Observable<R> {
    return observeMessages<T, R>((where) => this.messages(where), options);
  }

  /** Publishes bytes as they are, routed by their key, without the limit on the size of messages. @internal */
  publishRecord(record: RecordInput, partition?: number): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      publishEncoded(this.running(), record, partition, resolve, reject);
    });
  }

  /** Removes all messages of all partitions. Offsets continue where they were. */
  async truncate(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.truncate()));
  }

  /** Reclaims space, if the adapter can. */
  async optimize(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.optimize()));
  }

  /** Resolves when everything published before the call is on stable storage, if the adapter has any. */
  async sync(): Promise<void> {
    await Promise.all(this.running().partitions.map((partition) => partition.sync()));
  }

  /** {@link describe}, with the counters of the partitions and the status of their stores. */
  async info(): Promise<TopicInfo> {
    const partitions = await Promise.all(this.partitions.map((partition) => partition.info()));
    const ids = this.current?.dedup?.info;
    return { ...this.describe(), ...(ids === undefined ? {} : { ids }), partitions };
  }

  /** The topic's settings and the offsets of its partitions, from memory. */
  describe(): TopicDescription {
    return {
      name: this.name,
      ...this.known(),
      state: this.currentState,
      partitions: this.partitions.map((partition) => partition.describe()),
    };
  }

  /** Its parts while it runs, undefined otherwise. @internal */
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
