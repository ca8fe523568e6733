import { TopicsEvents } from '../events.js';
import { partitionId, type TopicPartition } from '../groups/assignment.js';
import { assignedPartitions, COOPERATIVE, shareOut } from '../groups/coordinator/assignors.js';
import { CONSUMER_PROTOCOL, encodeSubscription } from '../groups/coordinator/consumer-protocol.js';
import { GroupCoordinator } from '../groups/coordinator/group-coordinator.js';
import type { MemberIdentity } from '../groups/coordinator/membership.types.js';
import { resolveGroupOptions } from '../groups/group-options.js';
import type { ConsumerGroupOptions } from '../groups/group.types.js';
import { LocalMembers } from '../groups/local-members.js';
import { MemberSession } from '../groups/member-session.js';
import type { PartitionsOwner } from '../groups/member-session.types.js';

export const GROUP = 'g';
const TOPIC = 't';
const HEARTBEAT_MS = 500;

/** Uses the timer that tests can advance. */
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A group on one topic, which records the partitions its members work on and any violations. */
export class GroupWorld {
  readonly violations: string[] = [];
  readonly generations: number[] = [];
  /** Identities of members in past generations. Commits with these must be refused. */
  readonly past: MemberIdentity[] = [];
  readonly coordinator = new GroupCoordinator({ maxGroups: 10, maxGroupMembers: 100 }, (_group, generation) =>
    this.shared(generation),
  );
  readonly locals = new LocalMembers(this.coordinator);
  private readonly workers = new Map<string, Set<WorldMember>>();

  constructor(public partitions: number) {}

  grow(by: number): void {
    this.partitions += by;
    this.coordinator.outdate(GROUP);
    this.locals.topicChanged(TOPIC);
  }

  readonly partitionsOf = (topic: string): number => (topic === TOPIC ? this.partitions : 0);

  begin(member: WorldMember, place: TopicPartition): void {
    const id = partitionId(place);
    const workers = this.workers.get(id) ?? new Set();
    this.workers.set(id, workers);
    for (const other of workers) {
      // An expelled member may not know it yet, but it cannot commit.
      if (other !== member && this.isMember(other.memberId)) {
        this.violations.push(`${member.name} began ${place.partition} while ${other.name} worked on it`);
      }
    }
    workers.add(member);
  }

  end(member: WorldMember, place: TopicPartition): void {
    this.workers.get(partitionId(place))?.delete(member);
  }

  isMember(memberId: string): boolean {
    return this.coordinator.describe(GROUP)?.members.some((one) => one.memberId === memberId) ?? false;
  }

  /** Number of members that work on each partition. */
  owners(): number[] {
    return Array.from({ length: this.partitions }, (_, partition) => {
      return this.workers.get(partitionId({ topic: TOPIC, partition }))?.size ?? 0;
    });
  }

  private shared(generation: number): void {
    if (generation <= (this.generations.at(-1) ?? 0)) this.violations.push(`generation ${generation} again`);
    this.generations.push(generation);
    const given = new Set<string>();
    for (const { assignment } of this.coordinator.describe(GROUP)!.members) {
      for (const place of assignedPartitions(CONSUMER_PROTOCOL, assignment)) {
        const id = partitionId(place);
        if (given.has(id)) this.violations.push(`${place.partition} given twice in generation ${generation}`);
        given.add(id);
      }
    }
  }
}

/** A member that works on partitions, and may be slow to release them. */
abstract class WorldMember {
  protected readonly places = new Map<string, TopicPartition>();

  constructor(
    readonly name: string,
    protected readonly world: GroupWorld,
    private letGoMs: number,
  ) {}

  abstract readonly memberId: string;
  abstract mayCommit(): void;

  protected take(places: readonly TopicPartition[]): void {
    for (const place of places) {
      this.places.set(partitionId(place), place);
      this.world.begin(this, place);
    }
  }

  protected async letGo(places: readonly TopicPartition[]): Promise<void> {
    if (places.length === 0) return;
    await sleep(this.letGoMs);
    // A member that is always slower than the group's timeout would be expelled again and again.
    this.letGoMs = Math.min(this.letGoMs, 200);
    this.drop(places);
  }

  protected drop(places: readonly TopicPartition[] = [...this.places.values()]): void {
    for (const place of places) {
      if (this.places.delete(partitionId(place))) this.world.end(this, place);
    }
  }
}

/** A member inside the process. */
export class LocalWorldMember extends WorldMember {
  readonly session: MemberSession;
  readonly started: Promise<void>;

  constructor(
    name: string,
    world: GroupWorld,
    letGoMs: number,
    options: Pick<ConsumerGroupOptions, 'assignment' | 'instanceId'>,
  ) {
    super(name, world, letGoMs);
    const owner: PartitionsOwner = {
      topics: () => [TOPIC],
      subscribesTo: (topic) => topic === TOPIC,
      owned: () => [...this.places.values()],
      take: (places) => this.take(places),
      letGo: (places) => this.letGo(places),
      abandon: () => this.drop(),
    };
    const resolved = resolveGroupOptions({
      group: GROUP,
      topics: [TOPIC],
      handler: () => {},
      sessionTimeoutMs: 1_000,
      ...options,
    });
    const { coordinator, partitionsOf, locals } = world;
    const events = new TopicsEvents();
    // A local member is notified of rebalances and releases its partitions in time, so it must never be
    // expelled.
    events.on('member-expelled', () => world.violations.push(`${name} was expelled`));
    const environment = { coordinator, partitionsOf, events, drainTimeoutMs: 0 };
    this.session = new MemberSession(resolved, environment, owner);
    locals.add(this.session);
    this.started = this.session.start();
  }

  get memberId(): string {
    return this.session.memberId;
  }

  mayCommit(): void {
    this.session.assertMayCommit();
  }

  async leave(): Promise<void> {
    this.session.close();
    await this.letGo([...this.places.values()]);
    this.session.leave();
    this.world.locals.delete(this.session);
  }
}

/** A client on the network: it polls where members inside the process are called. */
export class WireWorldMember extends WorldMember {
  memberId = '';
  /** The member was refused or replaced, and does not come back by itself. */
  hasGivenUp = false;
  private generation = -1;
  private isAlive = true;
  /** Set while the member is silent. */
  private frozen: Promise<void> | undefined;
  private knownPartitions = 0;

  constructor(
    name: string,
    world: GroupWorld,
    letGoMs: number,
    private readonly protocols: readonly string[],
    private readonly instanceId: string | null,
  ) {
    super(name, world, letGoMs);
    void this.run();
  }

  mayCommit(): void {
    this.world.coordinator.assertMayCommit(GROUP, this.identity());
  }

  identity(): MemberIdentity {
    return { memberId: this.memberId, groupInstanceId: this.instanceId, generationId: this.generation };
  }

  get isFrozen(): boolean {
    return this.frozen !== undefined;
  }

  /**
   * Sends no heartbeats for a while but keeps working: its process is suspended, or its handler leaves no
   * time for them.
   */
  freeze(ms: number): void {
    this.frozen ??= sleep(ms).then(() => (this.frozen = undefined));
  }

  /** Ends without leaving the group. */
  crash(): void {
    this.isAlive = false;
    this.drop();
  }

  async leave(): Promise<void> {
    this.isAlive = false;
    await this.letGo([...this.places.values()]);
    try {
      if (this.memberId !== '') this.world.coordinator.leave(GROUP, this.identity());
    } catch {
      // It was not a member any more.
    }
  }

  private get isCooperative(): boolean {
    return this.protocols.every((name) => name === COOPERATIVE);
  }

  private async run(): Promise<void> {
    while (this.isAlive && !this.hasGivenUp) {
      try {
        if (!this.isCooperative) await this.letGo([...this.places.values()]);
        await this.frozen;
        if (!this.isAlive) return;
        const lost = await this.joinRound();
        if (lost.length > 0) await this.letGo(lost);
        else await this.work();
      } catch (error) {
        this.heed(error as { code?: string; memberId?: string });
      }
    }
  }

  private async joinRound(): Promise<TopicPartition[]> {
    const { coordinator, partitionsOf } = this.world;
    const subscription = { topics: [TOPIC], generation: this.generation, owned: [...this.places.values()] };
    const joined = await coordinator.join(GROUP, {
      ...this.identity(),
      sessionTimeoutMs: 1_000,
      rebalanceTimeoutMs: 3_000,
      protocolType: CONSUMER_PROTOCOL,
      protocols: this.protocols.map((name) => ({
        name,
        metadata: encodeSubscription(subscription, name === COOPERATIVE ? 3 : 0),
      })),
      clientId: this.name,
      clientHost: '',
      needsKnownId: true,
      canSkipAssignment: false,
    });
    if (this.generation >= 0 && joined.generationId !== this.generation)
      this.world.past.push(this.identity());
    this.memberId = joined.memberId;
    this.generation = joined.generationId;
    // A leader that falls silent here makes everybody wait for their assignments.
    await this.frozen;
    if (!this.isAlive) return [];
    const isLeader = joined.leader === this.memberId;
    this.knownPartitions = this.world.partitions;
    const assignments = isLeader ? shareOut(joined.protocolName, joined.members, partitionsOf) : [];
    const { protocolType, protocolName } = joined;
    const { assignment } = await coordinator.sync(GROUP, {
      ...this.identity(),
      protocolType,
      protocolName,
      assignments,
    });
    if (!this.isAlive) return [];
    const assigned = assignedPartitions(CONSUMER_PROTOCOL, assignment);
    const ids = new Set(assigned.map(partitionId));
    const lost = [...this.places.values()].filter((place) => !ids.has(partitionId(place)));
    this.take(assigned.filter((place) => !this.places.has(partitionId(place))));
    return lost;
  }

  /** Works until a rebalance begins, or there are partitions that nobody was assigned. */
  private async work(): Promise<void> {
    while (this.isAlive && this.knownPartitions === this.world.partitions) {
      await sleep(HEARTBEAT_MS);
      await this.frozen;
      if (this.isAlive) this.world.coordinator.heartbeat(GROUP, this.identity());
    }
  }

  private heed({ code, memberId }: { code?: string; memberId?: string }): void {
    if (code === 'MEMBER_ID_REQUIRED') this.memberId = memberId!;
    else if (code === 'UNKNOWN_MEMBER' || code === 'STALE_GENERATION') {
      this.drop();
      this.memberId = '';
      this.generation = -1;
    } else if (code !== 'REBALANCE_IN_PROGRESS') {
      this.drop();
      this.hasGivenUp = true;
    }
  }
}
