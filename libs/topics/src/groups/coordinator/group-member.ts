import type { TopicsError } from '../../errors.js';
import { patientTimeout } from '../../patient-timeout.js';
import type { JoinRequest, JoinResult, LocalMember, MemberProtocol, SyncResult } from './membership.types.js';

const NOTHING = Buffer.alloc(0);

/** A request that waits for its answer. */
class Pending<T> {
  private waiting: { resolve: (value: T) => void; reject: (error: TopicsError) => void } | undefined;

  get isWaiting(): boolean {
    return this.waiting !== undefined;
  }

  wait(): Promise<T> {
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  answer(value: T): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(value);
  }

  refuse(error: TopicsError): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.reject(error);
  }
}

/** One member of a group, with the answers it waits for. */
export class GroupMember {
  assignment: Buffer = NOTHING;
  /** Waits for the round to end. */
  readonly joining = new Pending<JoinResult>();
  /** Waits for the leader to share out. */
  readonly syncing = new Pending<SyncResult>();
  protocols: readonly MemberProtocol[] = [];
  local: LocalMember | undefined;
  rebalanceTimeoutMs = 0;
  clientId = '';
  clientHost = '';
  private sessionTimeoutMs = 0;
  private cancelSession = () => {};

  constructor(
    readonly memberId: string,
    readonly groupInstanceId: string | null,
    private readonly onSilent: (member: GroupMember) => void,
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
    this.local = request.local;
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

  /** The member was heard of: its session begins anew. One inside the process needs none. */
  touch(): void {
    this.cancelSession();
    if (this.local !== undefined) return;
    // Whoever could not be heard, because this process was stopped, was not silent.
    this.cancelSession = patientTimeout(this.sessionTimeoutMs, () => {
      // Whoever waits for us to answer is not silent.
      if (this.joining.isWaiting || this.syncing.isWaiting) this.touch();
      else this.onSilent(this);
    });
  }

  forget(): void {
    this.cancelSession();
  }

  /** Whatever it waits for, this is the answer. */
  refuse(error: TopicsError): void {
    this.joining.refuse(error);
    this.syncing.refuse(error);
  }
}
