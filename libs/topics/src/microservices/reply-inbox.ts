import { isGenRocksError } from '@genrocks/storage';
import type { Message } from '../message.js';
import type { TopicStorage } from '../options.js';
import type { Partition } from '../partition/partition.js';
import type { Topic } from '../topic.js';
import type { TopicsService } from '../topics.service.js';
import { RpcHeader } from './transport.js';

/** Replies that a partition may gather before it is left, and emptied once nobody waits for one there. */
const KEEP_REPLIES = 1_000;

/** Pause after a read that failed. */
const READ_RETRY_MS = 200;

/** One gathers replies while the other is emptied. */
const PARTITIONS = 2;

type OnReply = (reply: Message) => void;

interface Waiter {
  readonly lane: Lane;
  readonly onReply: OnReply;
}

/** A partition of the reply topic, and how many wait for a reply there. */
class Lane {
  waiting = 0;
  private emptying = false;

  constructor(readonly partition: Partition) {}

  get replies(): number {
    return this.partition.endOffset - this.partition.startOffset;
  }

  /** What lies here now is for nobody; what is published from now on comes after the truncation. */
  empty(): void {
    if (this.emptying) return;
    this.emptying = true;
    const done = () => void (this.emptying = false);
    this.partition.truncate().then(done, done);
  }
}

const inboxes = new WeakMap<TopicsService, Map<string, ReplyInbox>>();

/**
 * The reader of a reply topic, shared by all clients of a service that use it: whoever empties the topic must know of
 * everybody who still waits.
 */
export class ReplyInbox {
  private readonly waiters = new Map<string, Waiter>();
  private lanes: readonly Lane[] = [];
  private current = 0;
  private users = 0;
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
   * Begins to read, with the first user. Replies to requests published after this resolves are not missed.
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

  /** Ends reading with the last user. */
  close(): void {
    if (--this.users > 0) return;
    this.reading?.end.abort();
    this.reading = undefined;
  }

  /** Returns the partition that the reply has to go to. */
  expect(correlationId: string, onReply: OnReply): number {
    const next = (this.current + 1) % this.lanes.length;
    if (this.lanes[this.current]!.replies > KEEP_REPLIES && this.lanes[next]!.waiting === 0) {
      this.current = next;
    }
    const lane = this.lanes[this.current]!;
    lane.waiting++;
    this.waiters.set(correlationId, { lane, onReply });
    return lane.partition.index;
  }

  forget(correlationId: string): void {
    const waiter = this.waiters.get(correlationId);
    if (waiter === undefined) return;
    this.waiters.delete(correlationId);
    const { lane } = waiter;
    if (--lane.waiting > 0) return;
    if (lane.replies > KEEP_REPLIES || (lane !== this.lanes[this.current] && lane.replies > 0)) lane.empty();
  }

  private read(storage: TopicStorage | undefined): NonNullable<ReplyInbox['reading']> {
    const end = new AbortController();
    const opened = this.openTopic(storage).then(async ({ partitions }) => {
      this.lanes = partitions.map((partition) => new Lane(partition));
      this.current = 0;
      for (const { partition, replies } of this.lanes) {
        // Whoever waited for what lies there has gone, with the clients of before or with an earlier process.
        if (replies > 0) await partition.truncate();
        void this.follow(partition, end.signal);
      }
    });
    return { opened, end };
  }

  private async openTopic(given: TopicStorage | undefined): Promise<Topic> {
    const { topics, topic } = this;
    if (!topics.hasTopic(topic)) {
      const storage = given ?? ephemeral(topics);
      return topics.startTopic(topic, {
        partitions: PARTITIONS,
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
      } catch (error) {
        if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) offset = partition.startOffset;
        // It may pass; the requests have their timeouts.
        else await this.topics.clock.sleep(READ_RETRY_MS, signal, { deadline: true });
      }
    }
  }

  private received(message: Message): void {
    const correlationId = message.headers[RpcHeader.correlationId];
    if (correlationId !== undefined) this.waiters.get(correlationId)?.onReply(message);
  }
}

/** An adapter that keeps nothing over restarts, as replies deserve; undefined where none is plugged in. */
function ephemeral({ adapters }: TopicsService): TopicStorage | undefined {
  const adapter = adapters.find(({ supports }) => !supports.persistent);
  return adapter === undefined ? undefined : { adapter: adapter.name };
}
