import { isGenRocksError } from '@genrocks/storage';
import type { Message } from '../message.js';
import type { TopicStorage } from '../options.js';
import type { Partition } from '../partition/partition.js';
import type { Topic } from '../topic.js';
import type { TopicsService } from '../topics.service.js';
import { RpcHeader } from './transport.js';

/** How many delivered replies may gather before they are removed. */
const KEEP_REPLIES = 1_000;

/** Pause after a read that failed. */
const READ_RETRY_MS = 200;

/** The partition of replies. */
const PARTITION = 0;

type OnReply = (reply: Message) => void;

const inboxes = new WeakMap<TopicsService, Map<string, ReplyInbox>>();

/**
 * The reader of a reply topic, shared by all clients of a service that use it. Nobody needs a reply after it was read and
 * delivered, so delivered replies are removed, even while longer answers go on.
 */
export class ReplyInbox {
  private readonly waiters = new Map<string, OnReply>();
  private users = 0;
  private isRemoving = false;
  private reading: { readonly opened: Promise<void>; readonly end: AbortController } | undefined;

  static of(topics: TopicsService, name: string): ReplyInbox {
    let ofService = inboxes.get(topics);
    if (ofService === undefined) inboxes.set(topics, (ofService = new Map<string, ReplyInbox>()));
    let inbox = ofService.get(name);
    if (inbox === undefined) ofService.set(name, (inbox = new ReplyInbox(topics, name)));
    return inbox;
  }

  private constructor(
    private readonly topics: TopicsService,
    readonly topic: string,
  ) {}

  /**
   * The first user starts the reading. Replies to requests published after this resolves are not missed.
   * @throws as `TopicsService.startTopic`
   */
  async open(storage: TopicStorage | undefined): Promise<void> {
    this.users++;
    const reading = (this.reading ??= this.read(storage));
    try {
      await reading.opened;
    } catch (error) {
      if (this.reading === reading) this.reading = undefined;
      this.close();
      throw error;
    }
  }

  /** The last user ends the reading. */
  close(): void {
    if (--this.users > 0) return;
    this.reading?.end.abort();
    this.reading = undefined;
  }

  /** Registers a listener; returns the partition for the reply. */
  expect(correlationId: string, onReply: OnReply): number {
    this.waiters.set(correlationId, onReply);
    return PARTITION;
  }

  forget(correlationId: string): void {
    this.waiters.delete(correlationId);
  }

  private read(storage: TopicStorage | undefined): NonNullable<ReplyInbox['reading']> {
    const end = new AbortController();
    const opened = this.openTopic(storage).then(async (topic) => {
      // Old replies were for clients that are closed, or for an earlier process.
      if (topic.partitions.some(({ startOffset, endOffset }) => endOffset > startOffset))
        await topic.truncate();
      void this.follow(topic.partition(PARTITION), end.signal);
    });
    return { opened, end };
  }

  private async openTopic(given: TopicStorage | undefined): Promise<Topic> {
    const { topics, topic } = this;
    if (!topics.hasTopic(topic)) {
      const storage = given ?? ephemeral(topics);
      return topics.startTopic(topic, {
        partitions: 1,
        ...(storage === undefined ? {} : { storage }),
      });
    }
    return topics.topic(topic).state === 'running' ? topics.topic(topic) : topics.startTopic(topic);
  }

  private async follow(partition: Partition, signal: AbortSignal): Promise<void> {
    let offset = partition.endOffset;
    while (partition.state === 'open' && (await partition.waitForData(offset, { signal }))) {
      try {
        const { messages, nextOffset } = await partition.readMessages({ offset });
        for (const message of messages) this.received(message);
        offset = nextOffset;
        this.remove(partition, offset);
      } catch (error) {
        if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) offset = partition.startOffset;
        // The error may be temporary; requests have their own timeouts.
        else await this.topics.clock.sleep(READ_RETRY_MS, signal, { deadline: true });
      }
    }
  }

  /** Not awaited: a store that is slow or refuses must not delay replies. */
  private remove(partition: Partition, before: number): void {
    if (this.isRemoving || before - partition.startOffset <= KEEP_REPLIES) return;
    this.isRemoving = true;
    const done = () => void (this.isRemoving = false);
    partition.deleteRecords(before).then(done, done);
  }

  private received(message: Message): void {
    const correlationId = message.headers[RpcHeader.correlationId];
    if (correlationId !== undefined) this.waiters.get(correlationId)?.(message);
  }
}

/** An adapter that keeps nothing across restarts, which is enough for replies; undefined if none is plugged in. */
function ephemeral({ adapters }: TopicsService): TopicStorage | undefined {
  const adapter = adapters.find(({ supports }) => !supports.persistent);
  return adapter === undefined ? undefined : { adapter: adapter.name };
}
