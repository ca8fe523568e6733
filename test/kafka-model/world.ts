import type { AddressInfo } from 'node:net';
import type { ConsumerGroup } from '@genrocks/topics';
import { isGenRocksError } from '@genrocks/storage';
import { RawClient } from '../../libs/kafka/src/__fixtures__/raw-client.js';
import { heartbeat } from '../../libs/kafka/src/protocol/apis/heartbeat.js';
import { offsetCommit } from '../../libs/kafka/src/protocol/apis/offset-commit.js';
import { type RunningKafka, startKafka } from '../kafka-harness.js';

export const GROUP = 'g';
/** What members with a pattern subscribe to. */
export const PREFIX = 'm.';
/** There from the beginning. */
export const FIRST_TOPIC = 'm.0';

/** A member as it was named in some generation. */
export interface Identity {
  readonly memberId: string;
  readonly generationId: number;
  readonly groupInstanceId: string | null;
}

/** A broker that is started again and again on one directory, a group that reads all its topics, and what must hold. */
export class ModelWorld {
  readonly violations: string[] = [];
  /** What was acknowledged, and what a member was given. */
  readonly published = new Set<number>();
  readonly delivered = new Set<number>();
  /** Members of starts that are over. */
  private past: Identity[] = [];
  private present: Identity[] = [];
  private running!: RunningKafka;
  private boots = 0;
  private generation = 0;
  /** Who was given a partition, by start and generation. */
  private readonly claims = new Map<string, string>();
  private readonly committed = new Map<string, number>();
  private readonly publishing = new Set<Promise<void>>();
  private handlers: ConsumerGroup[] = [];
  private serial = 0;

  constructor(private readonly logDir: string) {}

  get port(): number {
    return (this.running.listener.address as Pick<AddressInfo, 'port'>).port;
  }

  get topics(): RunningKafka['topics'] {
    return this.running.topics;
  }

  async begin(): Promise<void> {
    this.running = await startKafka({ logDir: this.logDir, topics: { topics: [{ name: FIRST_TOPIC }] } });
    this.boots++;
    this.generation = 0;
    this.topics.events.on('rebalance', ({ group, generation }) => {
      if (group === GROUP && generation <= this.generation)
        this.violations.push(`generation ${generation} came after ${this.generation}`);
      if (group === GROUP) this.generation = generation;
    });
  }

  async end(): Promise<void> {
    this.look();
    await this.running.stop();
    await Promise.all(this.publishing);
    this.handlers = [];
    this.past = [...this.past, ...this.present].slice(-20);
    this.present = [];
  }

  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const names = this.names();
      const value = this.serial++;
      // Those whose broker stops meanwhile are refused, or not told what becomes of them.
      const publishing = this.topics.publish(names[value % names.length]!, { value }).then(
        () => void this.published.add(value),
        () => {},
      );
      this.publishing.add(publishing);
      void publishing.then(() => this.publishing.delete(publishing));
    }
  }

  async addTopic(): Promise<void> {
    await this.topics.startTopic(`${PREFIX}${this.names().length}`, { partitions: 2 });
  }

  async grow(at: number): Promise<void> {
    const names = this.names();
    const topic = this.topics.topic(names[at % names.length]!);
    await this.topics.addPartitions(topic.name, topic.partitionCount + 1);
  }

  /** A handler inside the process joins. */
  async addHandler(): Promise<void> {
    const handler = ({ value }: { value: unknown }) => void this.delivered.add(value as number);
    const topics = [`${PREFIX}*`];
    this.handlers.push(await this.topics.startConsumerGroup({ group: GROUP, topics, handler }));
  }

  async removeHandler(): Promise<void> {
    await this.handlers.shift()?.stop();
  }

  /** Has the group read everything again, where it has no members. */
  async reset(): Promise<void> {
    this.look();
    try {
      await this.topics.groups.resetOffsets(GROUP, { to: 'earliest' });
      this.committed.clear();
      this.delivered.clear();
    } catch (error) {
      if (!isGenRocksError(error, 'GROUP_NOT_EMPTY') && !isGenRocksError(error, 'GROUP_NOT_FOUND'))
        throw error;
    }
  }

  /** A client was given its share. */
  given(identity: Identity, places: readonly { topic: string; partition: number }[]): void {
    this.present.push(identity);
    for (const { topic, partition } of places) {
      const claim = `${this.boots}/${identity.generationId}/${topic}/${partition}`;
      // A static member that comes back gets its share again, in the same generation, under a new member id.
      const member = identity.groupInstanceId ?? identity.memberId;
      const owner = this.claims.get(claim) ?? member;
      this.claims.set(claim, owner);
      if (owner !== member) this.violations.push(`${claim} given to ${owner} and ${member}`);
    }
  }

  /** Its commit was acknowledged. */
  acknowledged(topic: string, partition: number, offset: number): void {
    const place = `${topic}/${partition}`;
    this.committed.set(place, Math.max(offset, this.committed.get(place) ?? 0));
  }

  /** Looks whether all is as it must be at any time. */
  look(): void {
    const { groups, coordinator } = this.topics;
    for (const name of this.names()) {
      for (let partition = 0; partition < this.topics.topic(name).partitionCount; partition++) {
        const place = `${name}/${partition}`;
        const before = this.committed.get(place) ?? 0;
        const now = groups.committed(GROUP, name, partition)?.offset ?? 0;
        if (now < before) this.violations.push(`offset of ${place} went from ${before} to ${now}`);
        this.committed.set(place, now);
      }
    }
    const view = coordinator.describe(GROUP);
    if (view !== undefined && view.generation < this.generation) this.violations.push('generation went back');
  }

  /** Whoever was a member before a restart is none. */
  async tryPast(): Promise<void> {
    const client = await RawClient.connect(this.port);
    const partitions = [{ index: 0, committedOffset: 0, metadata: null }];
    for (const identity of this.past) {
      const { errorCode } = await client.call(heartbeat, 4, { groupId: GROUP, ...identity });
      const { topics } = await client.call(offsetCommit, 7, {
        groupId: GROUP,
        ...identity,
        topics: [{ name: FIRST_TOPIC, partitions }],
      });
      if (errorCode === 0 || topics[0]!.partitions[0]!.errorCode === 0)
        this.violations.push(`${identity.memberId} of another start is a member`);
    }
    client.end();
  }

  /** Has what is under way end. */
  async settled(): Promise<void> {
    await Promise.all(this.publishing);
  }

  private names(): string[] {
    return this.topics
      .listTopics()
      .map(({ name }) => name)
      .filter((name) => name.startsWith(PREFIX));
  }
}
