import {
  type AssignableMember,
  assign,
  type AssignmentStrategy,
  partitionId,
  type TopicPartition,
} from '../assignment.js';
import {
  CONSUMER_PROTOCOL,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Subscription,
} from './consumer-protocol.js';
import type { JoinedMember, MemberAssignment, MemberProtocol, MembershipView } from './membership.types.js';

/** The only protocol under which members keep their partitions during a rebalance. */
export const COOPERATIVE = 'cooperative-sticky';

/** Strategies by the names clients use: those of librdkafka and Java, and kafkajs's own. */
const STRATEGIES: readonly (readonly [name: string, strategy: AssignmentStrategy])[] = [
  [COOPERATIVE, 'cooperative_sticky'],
  ['range', 'range'],
  ['roundrobin', 'round_robin'],
  ['RoundRobinAssigner', 'round_robin'],
];

/** The protocols a member inside the process offers: all of them, its configured strategy first. */
export function offeredProtocols(
  strategy: AssignmentStrategy,
  subscription: Omit<Subscription, 'userData'>,
): MemberProtocol[] {
  const isPreferred = ([, one]: (typeof STRATEGIES)[number]) => one === strategy;
  const inOrder = [
    ...STRATEGIES.filter(isPreferred),
    ...STRATEGIES.filter((candidate) => !isPreferred(candidate)),
  ];
  const eager = encodeSubscription(subscription, 0);
  const cooperative = encodeSubscription(subscription, 3);
  return inOrder.map(([name]) => ({ name, metadata: name === COOPERATIVE ? cooperative : eager }));
}

/** Returns the number of partitions of a topic that can be consumed now; 0 if it is stopped or deleted. */
export type PartitionCounter = (topic: string) => number;

/** Makes the leader's assignment for all members. A member whose metadata cannot be read gets nothing. */
export function shareOut(
  protocol: string | null,
  joined: readonly JoinedMember[],
  partitionsOf: PartitionCounter,
): MemberAssignment[] {
  const strategy = STRATEGIES.find(([name]) => name === protocol)?.[1];
  if (strategy === undefined) return [];
  const subscriptions = new Map(joined.map((member) => [member.memberId, subscriptionOf(member)]));
  const counts = new Map<string, number>();
  for (const { topics } of subscriptions.values()) {
    for (const topic of topics) {
      const count = counts.has(topic) ? 0 : partitionsOf(topic);
      if (count > 0) counts.set(topic, count);
    }
  }
  const members = [...subscriptions].map(([memberId, { topics }]): AssignableMember => {
    return { memberId, topics: topics.filter((topic) => counts.has(topic)) };
  });
  const claims = new Claims(subscriptions);
  const target = assign(strategy, members, counts, claims.undisputed);
  return [...target].map(([memberId, places]) => {
    const free = strategy === 'cooperative_sticky' ? claims.freeFor(memberId, places) : places;
    return { memberId, assignment: encodeAssignment(free) };
  });
}

/**
 * Whether the group is still rebalancing, or a member inside this process has yet to release partitions, so
 * that another rebalance follows.
 */
export function isHandingOver(view: MembershipView | undefined): boolean {
  if (view === undefined) return false;
  if (view.state !== 'Stable') return true;
  if (view.protocolName !== COOPERATIVE) return false;
  return view.members.some(({ isLocal, metadata, assignment }) => {
    if (!isLocal) return false;
    const kept = new Set(decodeAssignment(assignment)?.map(partitionId));
    return decodeSubscription(metadata)?.owned.some((place) => !kept.has(partitionId(place)));
  });
}

/** The topics a member subscribes to; none if its metadata cannot be read. */
export function subscribedTopics(protocolType: string, metadata: Buffer): readonly string[] {
  if (protocolType !== CONSUMER_PROTOCOL) return [];
  return decodeSubscription(metadata)?.topics ?? [];
}

/** The partitions assigned to a member; none if the assignment cannot be read. */
export function assignedPartitions(protocolType: string, assignment: Buffer): readonly TopicPartition[] {
  if (protocolType !== CONSUMER_PROTOCOL) return [];
  return decodeAssignment(assignment) ?? [];
}

function subscriptionOf({ metadata }: JoinedMember): Subscription {
  return decodeSubscription(metadata) ?? { topics: [], userData: null, owned: [], generation: -1 };
}

/**
 * The partitions members claim to own. A member that missed a rebalance may still claim a partition that
 * another one owns by now.
 */
class Claims {
  /**
   * The claim of the newest generation counts; if two members claim a partition in the same generation,
   * neither does.
   */
  readonly undisputed = new Map<string, TopicPartition[]>();
  private readonly claimants = new Map<string, Set<string>>();

  constructor(subscriptions: ReadonlyMap<string, Subscription>) {
    const newest = new Map<string, { memberId: string | null; generation: number; place: TopicPartition }>();
    for (const [memberId, { owned, generation }] of subscriptions) {
      this.undisputed.set(memberId, []);
      for (const place of owned) {
        const id = partitionId(place);
        this.claimants.set(id, (this.claimants.get(id) ?? new Set()).add(memberId));
        const other = newest.get(id);
        if (other === undefined || generation > other.generation)
          newest.set(id, { memberId, generation, place });
        else if (generation === other.generation && other.memberId !== memberId) other.memberId = null;
      }
    }
    for (const { memberId, place } of newest.values()) {
      if (memberId !== null) this.undisputed.get(memberId)!.push(place);
    }
  }

  /** Leaves out partitions that another member still claims: they are assigned in the next rebalance. */
  freeFor(memberId: string, places: readonly TopicPartition[]): TopicPartition[] {
    return places.filter((place) => {
      const claimants = this.claimants.get(partitionId(place));
      return claimants === undefined || (claimants.size === 1 && claimants.has(memberId));
    });
  }
}
