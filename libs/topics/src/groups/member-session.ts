import { isGenRocksError } from '@genrocks/storage';
import type { TopicsError } from '../errors.js';
import { partitionId, type TopicPartition } from './assignment.js';
import { assignedPartitions, COOPERATIVE, isHandingOver, shareOut } from './coordinator/assignors.js';
import { CONSUMER_PROTOCOL } from './coordinator/consumer-protocol.js';
import type { JoinResult, LocalMember, SyncResult } from './coordinator/membership.types.js';
import { endsWithin } from './ends-within.js';
import type { ResolvedGroupOptions } from './group-options.js';
import { identityOf, joinRequest, naming, newId } from './member-requests.js';
import type { PartitionsOwner, SessionEnvironment } from './member-session.types.js';

/** Time for a commit, in addition to the drain time of handlers, before the group expels the member. */
const COMMIT_MS = 10_000;
/** Pause before a member whose join failed tries again. */
const RETRY_MS = 1_000;

/**
 * Membership of a handler inside this process: joins the rebalances of its group, leads them if it is the
 * leader, and has partitions taken and released. It does one thing at a time: a rebalance that begins in the
 * meantime is joined afterwards.
 */
export class MemberSession implements LocalMember {
  private id: string;
  private generation = -1;
  /** A rebalance has begun that it has not joined. */
  private isCalled = false;
  /** The partitions to assign have changed since its last rebalance. */
  private isOutdated = false;
  /** Settles when there is no rebalance left to join. */
  private running: Promise<void> | undefined;
  private isClosed = false;
  /** It has left the group and ignores rebalances until it comes back. */
  private isAway = false;
  private starting: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  private retryTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: ResolvedGroupOptions,
    private readonly environment: SessionEnvironment,
    private readonly owner: PartitionsOwner,
  ) {
    this.id = newId(options.group);
  }

  /** Changes when the member is expelled and joins again. */
  get memberId(): string {
    return this.id;
  }

  get group(): string {
    return this.options.group;
  }

  /** How long it may take to release partitions, and so to join a rebalance. */
  private get roundMs(): number {
    return this.environment.drainTimeoutMs + COMMIT_MS;
  }

  get topics(): readonly string[] {
    return this.owner.topics();
  }

  subscribesTo(topic: string): boolean {
    return this.owner.subscribesTo(topic);
  }

  /** Resolves when it has joined the rebalances begun so far. */
  async idle(): Promise<void> {
    if (!this.isClosed) await this.running;
  }

  /**
   * Joins the group. Resolves when the member has its assignment, and no other member in this process has yet
   * to release a part of it.
   * @throws as the coordinator's `join`
   */
  start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.starting = { resolve, reject }));
    this.rebalancing();
    return started;
  }

  /** Stops taking partitions and joining rebalances. The group waits for {@link leave}. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.retryTimer);
    this.starting?.resolve();
  }

  /**
   * Leaves the group. Its partitions go to others; those of a static member only if it does not return in
   * time.
   */
  leave(): void {
    this.close();
    const { coordinator } = this.environment;
    const { group, instanceId } = this.options;
    if (instanceId !== undefined) coordinator.suspend(group, this.id);
    else if (this.isMember()) coordinator.leave(group, this.identity());
  }

  /**
   * Releases all partitions, leaves, and joins no rebalance until {@link comeBack}.
   * @param before a write that must end before the member leaves
   */
  async withdraw(error: TopicsError, before: Promise<void>): Promise<void> {
    const memberId = this.id;
    this.isAway = true;
    const letGo = this.owner.letGo(this.owner.owned()).then(() => before);
    if (!(await endsWithin(letGo, this.roundMs))) this.owner.abandon();
    // The group has expelled the member in the meantime, or it is stopping.
    if (this.id !== memberId || this.isClosed) return;
    if (this.isMember()) this.environment.coordinator.leave(this.group, this.identity());
    this.id = newId(this.group);
    this.generation = -1;
    this.environment.events.send('member-expelled', { group: this.group, memberId, error });
  }

  /** Joins again after {@link withdraw}. */
  comeBack(): void {
    this.isAway = false;
    this.rebalancing();
  }

  /** @throws `UNKNOWN_MEMBER` if the group has expelled the member */
  assertMayCommit(): void {
    this.environment.coordinator.assertMayCommit(this.options.group, this.identity());
  }

  /** Starts a rebalance, because the partitions of a topic have changed. */
  outdated(): void {
    this.isOutdated = true;
    // If it is waiting to join again, that join sees the change.
    if (this.generation >= 0) this.go();
  }

  /** Releases the partitions of a topic that closes. */
  async letGoOf(topic: string): Promise<void> {
    await this.owner.letGo(this.owner.owned().filter((place) => place.topic === topic));
  }

  /** @internal */
  rebalancing(): void {
    this.isCalled = true;
    this.go();
  }

  /** @internal */
  removed(error: TopicsError): void {
    const memberId = this.id;
    this.owner.abandon();
    this.id = newId(this.options.group);
    this.generation = -1;
    if (this.isClosed || isGenRocksError(error, 'COORDINATOR_STOPPED')) return;
    this.environment.events.send('member-expelled', { group: this.options.group, memberId, error });
    this.rebalancing();
  }

  /** @internal */
  mustLetGo(protocol: string): boolean {
    return protocol !== COOPERATIVE && this.owner.owned().length > 0;
  }

  private go(): void {
    if (this.isClosed || this.isAway) return;
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    // The caller may be the coordinator in the middle of a state change.
    await Promise.resolve();
    try {
      while ((this.isCalled || this.isOutdated) && !this.isClosed && !this.isAway) await this.joinRound();
      const { coordinator } = this.environment;
      if (!isHandingOver(coordinator.describe(this.options.group))) this.started();
    } catch (error) {
      this.refused(error);
    } finally {
      this.running = undefined;
    }
  }

  private async joinRound(): Promise<void> {
    const { coordinator, partitionsOf } = this.environment;
    const { group } = this.options;
    const held = coordinator.heldBack(group);
    if (held !== undefined) return void (await held);
    if (this.isOutdated && this.generation >= 0) coordinator.rebalance(group);
    this.isOutdated = this.isCalled = false;
    const joined = await this.attempt(() => coordinator.join(group, this.request()));
    if (joined === 'again') {
      // Other members may get these partitions as soon as the rebalance ends.
      await this.owner.letGo(this.owner.owned());
      this.isCalled = true;
    }
    if (typeof joined === 'string') return;
    this.generation = joined.generationId;
    const { leader, skipAssignment, protocolName, members } = joined;
    const isLeader = leader === this.id && !skipAssignment;
    const assignments = isLeader ? shareOut(protocolName, members, partitionsOf) : [];
    const synced = await this.attempt(() =>
      coordinator.sync(group, { ...this.identity(), ...naming(joined), assignments }),
    );
    if (synced === 'again') this.isCalled = true;
    else if (synced !== 'removed') await this.apply(synced);
  }

  private async apply({ assignment }: SyncResult): Promise<void> {
    if (this.isClosed || this.isAway) return;
    const topics = new Set(this.topics);
    // A remote leader may assign topics the member never subscribed to.
    const assigned = assignedPartitions(CONSUMER_PROTOCOL, assignment).filter(({ topic }) =>
      topics.has(topic),
    );
    const owned = this.owner.owned();
    this.owner.take(without(assigned, owned));
    const lost = without(owned, assigned);
    if (lost.length === 0) return;
    // If the store hangs, nothing would expel this member while others wait for its partitions. So start a
    // rebalance after a time, which ends without it.
    const { coordinator } = this.environment;
    const overdue = setTimeout(() => coordinator.rebalance(this.group), this.roundMs).unref();
    await this.owner.letGo(lost);
    clearTimeout(overdue);
    // The next join tells the group that they are free.
    this.isCalled = true;
  }

  /**
   * @returns `removed` if the group has removed the member, which then joins again as a new one unless it is
   *   closing
   */
  private async attempt<T extends JoinResult | SyncResult>(
    request: () => Promise<T>,
  ): Promise<T | 'again' | 'removed'> {
    const { id } = this;
    try {
      return await request();
    } catch (error) {
      if (isGenRocksError(error, 'REBALANCE_IN_PROGRESS')) return 'again';
      if (this.id !== id || this.isClosed) return 'removed';
      throw error;
    }
  }

  private started(): void {
    this.starting?.resolve();
    this.starting = undefined;
  }

  private refused(error: unknown): void {
    if (this.starting !== undefined) {
      this.isClosed = true;
      this.starting.reject(error);
      this.starting = undefined;
      return;
    }
    this.owner.abandon();
    this.generation = -1;
    const { group } = this.options;
    this.environment.events.send('member-expelled', { group, memberId: this.id, error });
    this.retryTimer = setTimeout(() => this.rebalancing(), RETRY_MS).unref();
  }

  private isMember(): boolean {
    const view = this.environment.coordinator.describe(this.options.group);
    return view?.members.some(({ memberId }) => memberId === this.id) ?? false;
  }

  private identity() {
    return identityOf(this.id, this.generation, this.options, this);
  }

  private request() {
    const { topics } = this;
    return joinRequest(this.identity(), this.options, this.roundMs, { topics, owned: this.owner.owned() });
  }
}

function without(places: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const ids = new Set(others.map(partitionId));
  return places.filter((place) => !ids.has(partitionId(place)));
}
