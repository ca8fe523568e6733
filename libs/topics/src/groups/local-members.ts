import type { GroupCoordinator } from './coordinator/group-coordinator.js';
import type { MemberSession } from './member-session.js';

/** The group members inside this process, which are notified of changes to their topics. */
export class LocalMembers {
  private readonly sessions = new Set<MemberSession>();

  constructor(private readonly coordinator: GroupCoordinator) {}

  add(session: MemberSession): void {
    this.sessions.add(session);
  }

  delete(session: MemberSession): void {
    this.sessions.delete(session);
  }

  /**
   * Resolves when the members of a group have their assignments; at once if the group also has remote
   * members, which may take long.
   */
  async shared(group: string): Promise<void> {
    if (this.coordinator.describe(group)?.members.some(({ isLocal }) => !isLocal)) return;
    await Promise.all([...this.sessions].filter((one) => one.group === group).map((one) => one.idle()));
  }

  /**
   * The groups whose members subscribe to a topic, including members that have yet to join or to learn of it.
   */
  groupsOn(topic: string): string[] {
    return [...this.sessions].filter((one) => one.subscribesTo(topic)).map(({ group }) => group);
  }

  /** Makes the groups that subscribe to a topic rebalance: it was started, or has more partitions. */
  topicChanged(topic: string): void {
    for (const session of this.sessions) if (session.subscribesTo(topic)) session.outdated();
  }

  /** Releases a topic that closes. Resolves when no member in this process works on it any more. */
  async topicClosing(topic: string): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.letGoOf(topic)));
    this.topicChanged(topic);
  }
}
