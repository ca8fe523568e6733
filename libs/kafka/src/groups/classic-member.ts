import type { JoinRequest, JoinResult, MemberProtocol, SyncResult } from './classic-group.types.js';

const NOTHING = Buffer.alloc(0);

/** One member of a group, with the answers it waits for. */
export class ClassicMember {
  assignment: Buffer = NOTHING;
  /** Answers the join request that waits for the rebalance to end. */
  pendingJoin: ((result: JoinResult) => void) | undefined;
  /** Answers the sync request that waits for the leader's assignment. */
  pendingSync: ((result: SyncResult) => void) | undefined;
  protocols: readonly MemberProtocol[] = [];
  sessionTimeoutMs = 0;
  rebalanceTimeoutMs = 0;
  clientId = '';
  clientHost = '';
  private sessionTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly memberId: string,
    readonly groupInstanceId: string | null,
    private readonly onSilent: (member: ClassicMember) => void,
  ) {}

  /** Takes over what a join request says. Its bytes are views of the request and copied. */
  update(request: JoinRequest): void {
    this.protocols = request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: Buffer.from(metadata),
    }));
    this.sessionTimeoutMs = request.sessionTimeoutMs;
    this.rebalanceTimeoutMs =
      request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs;
    this.clientId = request.clientId;
    this.clientHost = request.clientHost;
  }

  hasSameProtocols(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, i) => {
        const own = this.protocols[i]!;
        return own.name === name && own.metadata.equals(metadata);
      })
    );
  }

  metadataFor(protocolName: string | null): Buffer {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata ?? NOTHING;
  }

  /** What the member costs in memory, about. */
  get bytes(): number {
    let bytes = 512 + this.assignment.length;
    for (const { name, metadata } of this.protocols) bytes += name.length + metadata.length;
    return bytes;
  }

  /** The member was heard of: its session begins anew. */
  touch(): void {
    clearTimeout(this.sessionTimer);
    this.sessionTimer = setTimeout(() => {
      // Whoever waits for us to answer is not silent.
      if (this.pendingJoin !== undefined || this.pendingSync !== undefined) this.touch();
      else this.onSilent(this);
    }, this.sessionTimeoutMs).unref();
  }

  forget(): void {
    clearTimeout(this.sessionTimer);
  }

  answerJoin(result: JoinResult): void {
    const answer = this.pendingJoin;
    this.pendingJoin = undefined;
    answer?.(result);
  }

  answerSync(result: SyncResult): void {
    const answer = this.pendingSync;
    this.pendingSync = undefined;
    answer?.(result);
  }
}
