import type { GroupCoordinator } from './coordinator/group-coordinator.js';
import type { MemberSession } from './member-session.js';

/** The members of groups that are inside this process, to be told what becomes of their topics. */
export class LocalMembers {
  private readonly sessions = new Set<MemberSession>();

  constructor(private readonly coordinator: GroupCoordinator) {}

  add(session: MemberSession): void {
    this.sessions.add(session);
  }

  delete(session: MemberSession): void {
    this.sessions.delete(session);
  }

  /** Resolves when the members of a group have their shares; at once where some are elsewhere, and may take long. */
  async shared(group: string): Promise<void> {
    if (this.coordinator.describe(group)?.members.some(({ isLocal }) => !isLocal)) return;
    await Promise.all([...this.sessions].filter((one) => one.group === group).map((one) => one.idle()));
  }

  /** The groups whose members subscribe to a topic, those included that have yet to join or to learn of it. */
  groupsOn(topic: string): string[] {
    return [...this.sessions].filter((one) => one.subscribesTo(topic)).map(({ group }) => group);
  }

  /** A topic was started, or has more partitions: the groups that subscribe to it share out anew. */
  topicChanged(topic: string): void {
    for (const session of this.sessions) if (session.subscribesTo(topic)) session.outdated();
  }

  /** A topic closes. Resolves when nobody in this process works on it any more. */
  async topicClosing(topic: string): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.letGoOf(topic)));
    this.topicChanged(topic);
  }
}
