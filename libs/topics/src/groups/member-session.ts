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

/** Over the time handlers get to end: how long a commit may take before the others go on without the member. */
const COMMIT_MS = 10_000;
/** Pause before a member that was refused tries to join again. */
const RETRY_MS = 1_000;

/**
 * The membership of a handler inside this process: joins the rounds of its group, leads them where it is told to, and
 * has partitions taken and let go of. One thing at a time: a round that begins meanwhile is joined after.
 */
export class MemberSession implements LocalMember {
  private id: string;
  private generation = -1;
  /** A round has begun that it has not joined. */
  private isCalled = false;
  /** What there is to share out has changed since its last round. */
  private isOutdated = false;
  /** Joins rounds, for as long as there is one to join. */
  private running: Promise<void> | undefined;
  private isClosed = false;
  /** It has left, and takes part in nothing until it comes back. */
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

  /** Changes when the member was expelled and joined anew. */
  get memberId(): string {
    return this.id;
  }

  get group(): string {
    return this.options.group;
  }

  /** How long it may take to let go of partitions, and so to join a round. */
  private get roundMs(): number {
    return this.environment.drainTimeoutMs + COMMIT_MS;
  }

  get topics(): readonly string[] {
    return this.owner.topics();
  }

  subscribesTo(topic: string): boolean {
    return this.owner.subscribesTo(topic);
  }

  /** Resolves when it has joined the rounds that have begun. */
  async idle(): Promise<void> {
    if (!this.isClosed) await this.running;
  }

  /**
   * Joins the group. Resolves when the member has its share, and no other of this process has yet to let go of a part
   * of it.
   * @throws as the coordinator's `join`
   */
  start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.starting = { resolve, reject }));
    this.rebalancing();
    return started;
  }

  /** From here on nothing is taken and no round joined; the others wait for {@link leave}. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.retryTimer);
    this.starting?.resolve();
  }

  /** Its partitions go to the others; those of a static member only if it does not come back. */
  leave(): void {
    this.close();
    const { coordinator } = this.environment;
    const { group, instanceId } = this.options;
    if (instanceId !== undefined) coordinator.suspend(group, this.id);
    else if (this.isMember()) coordinator.leave(group, this.identity());
  }

  /**
   * Leaves, after it has let go of everything, and joins no round until {@link comeBack}.
   * @param before what is to be written by then, too
   */
  async withdraw(error: TopicsError, before: Promise<void>): Promise<void> {
    const memberId = this.id;
    this.isAway = true;
    const letGo = this.owner.letGo(this.owner.owned()).then(() => before);
    if (!(await endsWithin(letGo, this.roundMs))) this.owner.abandon();
    // The group has gone on without it by itself, or it is stopping.
    if (this.id !== memberId || this.isClosed) return;
    if (this.isMember()) this.environment.coordinator.leave(this.group, this.identity());
    this.id = newId(this.group);
    this.generation = -1;
    this.environment.events.send('member-expelled', { group: this.group, memberId, error });
  }

  /** Joins anew after {@link withdraw}. */
  comeBack(): void {
    this.isAway = false;
    this.rebalancing();
  }

  /** @throws `UNKNOWN_MEMBER` where the group went on without it */
  assertMayCommit(): void {
    this.environment.coordinator.assertMayCommit(this.options.group, this.identity());
  }

  /** The partitions of a topic are others than before: they are to be shared out anew. */
  outdated(): void {
    this.isOutdated = true;
    // While it waits to try again, that try will see them.
    if (this.generation >= 0) this.go();
  }

  /** Ends work on a topic that closes. */
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
    // Whoever calls may be in the middle of a change of the group.
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
      // The others may get what it holds as soon as the round ends.
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
    // A leader elsewhere may give out topics the member never asked for.
    const assigned = assignedPartitions(CONSUMER_PROTOCOL, assignment).filter(({ topic }) =>
      topics.has(topic),
    );
    const owned = this.owner.owned();
    this.owner.take(without(assigned, owned));
    const lost = without(owned, assigned);
    if (lost.length === 0) return;
    // No round is under way that would end without this member if its store hangs, and the others wait: begin one.
    const { coordinator } = this.environment;
    const overdue = setTimeout(() => coordinator.rebalance(this.group), this.roundMs).unref();
    await this.owner.letGo(lost);
    clearTimeout(overdue);
    // Tells the others that they are free.
    this.isCalled = true;
  }

  /** @returns `removed` where the member is none any more: it joins as a new one, if it is to */
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
