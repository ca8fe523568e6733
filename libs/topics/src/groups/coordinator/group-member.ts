import type { TopicsError } from '../../errors.js';
import { patientTimeout } from '../../patient-timeout.js';
import type { JoinRequest, JoinResult, LocalMember, MemberProtocol, SyncResult } from './membership.types.js';

const NOTHING = Buffer.alloc(0);

/** A request that waits for its response. */
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

/** One member of a group, with its pending requests. */
export class GroupMember {
  assignment: Buffer = NOTHING;
  /** A join that waits for all members. */
  readonly joining = new Pending<JoinResult>();
  /** A sync that waits for the leader. */
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

  /** Applies a join request. Its bytes are views of the request, so they are copied. */
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

  /** Approximate memory of the member. */
  get bytes(): number {
    let bytes = 512 + this.assignment.length;
    for (const { name, metadata } of this.protocols) bytes += name.length + metadata.length;
    return bytes;
  }

  /**
   * Restarts the session timeout: the member gave a sign of life. A member inside the process has no session.
   */
  touch(): void {
    this.cancelSession();
    if (this.local !== undefined) return;
    // While this process was suspended no member could be heard, so that time does not count.
    this.cancelSession = patientTimeout(this.sessionTimeoutMs, () => {
      // A member that waits for our response is not silent.
      if (this.joining.isWaiting || this.syncing.isWaiting) this.touch();
      else this.onSilent(this);
    });
  }

  forget(): void {
    this.cancelSession();
  }

  /** Fails the pending requests of the member. */
  refuse(error: TopicsError): void {
    this.joining.refuse(error);
    this.syncing.refuse(error);
  }
}
