/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface AssignableMember {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/**
 * How the partitions of a group are assigned to its members.
 * - `cooperative_sticky`: evenly; a change moves only the partitions it must.
 * - `range`: each topic's partitions in contiguous ranges of near-equal length.
 * - `round_robin`: one partition after the other to the members in turn.
 */
export type AssignmentStrategy = 'cooperative_sticky' | 'range' | 'round_robin';

export type Assignment = Map<string, TopicPartition[]>;

/** Assigns every partition of the subscribed topics to one subscriber. */
export function assign(
  strategy: AssignmentStrategy,
  members: readonly AssignableMember[],
  partitionCounts: ReadonlyMap<string, number>,
  owned: ReadonlyMap<string, readonly TopicPartition[]>,
): Assignment {
  if (strategy === 'range') return rangeAssign(members, partitionCounts);
  if (strategy === 'round_robin') return roundRobinAssign(members, partitionCounts);
  return stickyAssign(members, partitionCounts, owned);
}

/**
 * Range assignment: splits the partitions of every topic into ranges of near-equal length, one for each
 * subscriber, in the order of `members`.
 */
export function rangeAssign(
  members: readonly AssignableMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const assignment = empty(members);
  const subscribed = subscribersOf(members);
  for (const [topic, count] of partitionCounts) {
    const subscribers = subscribed.get(topic) ?? [];
    const least = Math.floor(count / subscribers.length);
    const extra = count % subscribers.length;
    let partition = 0;
    subscribers.forEach((memberId, i) => {
      const end = partition + least + (i < extra ? 1 : 0);
      for (; partition < end; partition++) assignment.get(memberId)!.push({ topic, partition });
    });
  }
  return assignment;
}

/**
 * Round robin: goes over all partitions, sorted by topic name, and gives each to the next member that
 * subscribes to its topic.
 */
function roundRobinAssign(
  members: readonly AssignableMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const assignment = empty(members);
  const subscriptions = members.map(({ topics }) => new Set(topics));
  let turn = 0;
  for (const place of allPlaces(partitionCounts)) {
    while (!subscriptions[turn % members.length]!.has(place.topic)) turn++;
    assignment.get(members[turn % members.length]!.memberId)!.push(place);
    turn++;
  }
  return assignment;
}

/**
 * Sticky assignment: members keep what they own, free partitions go to the least loaded subscriber, and then
 * only as many partitions move as it takes to balance the load.
 */
export function stickyAssign(
  members: readonly AssignableMember[],
  partitionCounts: ReadonlyMap<string, number>,
  owned: ReadonlyMap<string, readonly TopicPartition[]>,
): Assignment {
  const assignment = empty(members);
  const subscribers = subscribersOf(members);
  const load = (memberId: string) => assignment.get(memberId)!.length;
  const leastLoaded = (topic: string) =>
    subscribers.get(topic)!.reduce((least, memberId) => (load(memberId) < load(least) ? memberId : least));

  const taken = new Set<string>();
  for (const { memberId, topics } of members) {
    const subscribed = new Set(topics);
    for (const place of owned.get(memberId) ?? []) {
      const exists = place.partition >= 0 && place.partition < (partitionCounts.get(place.topic) ?? 0);
      if (!exists || taken.has(partitionId(place)) || !subscribed.has(place.topic)) continue;
      taken.add(partitionId(place));
      assignment.get(memberId)!.push(place);
    }
  }
  for (const place of allPlaces(partitionCounts)) {
    if (!taken.has(partitionId(place))) assignment.get(leastLoaded(place.topic))!.push(place);
  }
  balance(assignment, leastLoaded);
  return assignment;
}

/**
 * Moves one partition at a time from the most loaded member that can give one away. Terminates because every
 * move is from a member that has at least two partitions more than the receiver.
 */
function balance(assignment: Assignment, leastLoaded: (topic: string) => string): void {
  const move = (places: TopicPartition[]) => {
    for (let i = places.length - 1; i >= 0; i--) {
      const to = assignment.get(leastLoaded(places[i]!.topic))!;
      if (places.length - to.length < 2) continue;
      to.push(...places.splice(i, 1));
      return true;
    }
    return false;
  };
  while ([...assignment.values()].sort((a, b) => b.length - a.length).some(move));
  for (const places of assignment.values()) places.sort(inOrder);
}

function inOrder(a: TopicPartition, b: TopicPartition): number {
  return (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition;
}

export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}\0${partition}`;
}

function subscribersOf(members: readonly AssignableMember[]): Map<string, string[]> {
  const subscribers = new Map<string, string[]>();
  for (const { memberId, topics } of members) {
    for (const topic of new Set(topics)) {
      const known = subscribers.get(topic);
      if (known === undefined) subscribers.set(topic, [memberId]);
      else known.push(memberId);
    }
  }
  return subscribers;
}

function empty(members: readonly AssignableMember[]): Assignment {
  return new Map(members.map(({ memberId }) => [memberId, []]));
}

function* allPlaces(partitionCounts: ReadonlyMap<string, number>): IterableIterator<TopicPartition> {
  for (const topic of [...partitionCounts.keys()].sort()) {
    const count = partitionCounts.get(topic)!;
    for (let partition = 0; partition < count; partition++) yield { topic, partition };
  }
}
