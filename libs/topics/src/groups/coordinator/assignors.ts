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

/** The one protocol under which members keep their partitions while they are shared out anew. */
export const COOPERATIVE = 'cooperative-sticky';

/** The ways of sharing out by the names they have among clients: librdkafka's and Java's, and kafkajs's own. */
const STRATEGIES: readonly (readonly [name: string, strategy: AssignmentStrategy])[] = [
  [COOPERATIVE, 'cooperative_sticky'],
  ['range', 'range'],
  ['roundrobin', 'round_robin'],
  ['RoundRobinAssigner', 'round_robin'],
];

/** What a member inside the process offers: all there is, what it is configured for first. */
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

/** How many partitions a topic has that can be consumed now; 0 while it is stopped or gone. */
export type PartitionCounter = (topic: string) => number;

/** The leader's work: everybody's share. Who tells nothing that can be read gets nothing. */
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

/** Has a member inside this process yet to let go of partitions, so that another round follows? */
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

/** The topics a member subscribes to, where it says so in a way that can be read. */
export function subscribedTopics(protocolType: string, metadata: Buffer): readonly string[] {
  if (protocolType !== CONSUMER_PROTOCOL) return [];
  return decodeSubscription(metadata)?.topics ?? [];
}

/** The partitions a member was given, where that can be read. */
export function assignedPartitions(protocolType: string, assignment: Buffer): readonly TopicPartition[] {
  if (protocolType !== CONSUMER_PROTOCOL) return [];
  return decodeAssignment(assignment) ?? [];
}

function subscriptionOf({ metadata }: JoinedMember): Subscription {
  return decodeSubscription(metadata) ?? { topics: [], userData: null, owned: [], generation: -1 };
}

/** What members say they own. One that missed a round may still claim what was given to another since. */
class Claims {
  /** By the claim of the newest generation; where two claim the same in one, neither counts. */
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

  /** Without what somebody else has yet to let go of: that comes with the next round. */
  freeFor(memberId: string, places: readonly TopicPartition[]): TopicPartition[] {
    return places.filter((place) => {
      const claimants = this.claimants.get(partitionId(place));
      return claimants === undefined || (claimants.size === 1 && claimants.has(memberId));
    });
  }
}
