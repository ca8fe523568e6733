import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { Dispatcher, Outcome } from './dispatcher.js';
import type { MemoryBudget } from './memory-budget.js';
import { PieceQueue } from './piece-queue.js';
import { CLOSE, NO_ANSWER, type Session } from './request.types.js';

/** Requests up to this size are read without asking the budget; a connection may always hold this much. */
const FREE_BYTES = 16 * 1024;
/** What a client may send ahead while its request is served. */
const AHEAD_BYTES = 64 * 1024;

export interface ConnectionLimits {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

/** What connections share. */
export interface ConnectionEnvironment {
  readonly limits: ConnectionLimits;
  readonly dispatcher: Dispatcher;
  /** Largest request this client may send now, in bytes. */
  requestLimit(session: Session): number;
  readonly requests: MemoryBudget;
  /** Bytes of answers that clients have not read yet. */
  readonly answers: { bytes: number; readonly limit: number };
  onClose(connection: Connection): void;
  onError(connection: Connection, error: unknown): void;
}

type Stage = 'idle' | 'reading' | 'serving' | 'writing' | 'closed';

/**
 * One client. Requests are served one at a time and answered in their order; while one is served, the client may
 * send only a little ahead.
 */
export class Connection {
  private readonly received = new PieceQueue();
  private readonly aborter = new AbortController();
  private stage: Stage = 'idle';
  /** Length of the request being read, undefined between requests. */
  private frameBytes: number | undefined;
  /** The budget has granted the request being read. */
  private granted = false;
  private taken = 0;
  private cancelTake = () => {};
  private draining = false;
  private deadline: number;

  constructor(
    readonly socket: Socket,
    readonly session: Session,
    private readonly environment: ConnectionEnvironment,
  ) {
    // One long poll may wait on hundreds of partitions.
    setMaxListeners(0, this.aborter.signal);
    this.deadline = Date.now() + environment.limits.idleTimeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => {
      this.received.push(piece);
      this.proceed();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.closed());
  }

  /** Closes a client that is idle, sends half a request, or does not read, for too long. */
  checkDeadline(now: number): void {
    if (this.stage !== 'serving' && now >= this.deadline) this.socket.destroy();
  }

  /** Ends waits, answers what is being served, then closes. */
  drain(): void {
    this.draining = true;
    this.aborter.abort();
    if (this.stage === 'idle' || this.stage === 'reading') this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private proceed(): void {
    const { limits, requests } = this.environment;
    if (this.stage === 'serving' || this.stage === 'writing') {
      if (this.received.length > AHEAD_BYTES) this.socket.pause();
      return;
    }
    if (this.stage === 'closed') return;
    if (this.frameBytes === undefined) {
      if (this.stage === 'idle' && this.received.length > 0) this.enter('reading', limits.transferTimeoutMs);
      const length = this.received.peekInt32();
      if (length === undefined) return;
      const least = this.environment.dispatcher.leastBytes(this.session);
      if (length < least || length > this.environment.requestLimit(this.session)) return this.destroy();
      this.received.take(4);
      this.frameBytes = length;
      this.granted = length <= FREE_BYTES;
      if (!this.granted) this.cancelTake = requests.take(length, () => this.onGranted(length));
    }
    if (!this.granted) {
      // Somebody else's requests fill the memory: that is no fault of this client.
      this.enter('reading', Infinity);
      this.socket.pause();
    } else if (this.received.length >= this.frameBytes) {
      const frame = this.received.take(this.frameBytes);
      this.frameBytes = undefined;
      void this.serve(frame);
    }
  }

  private onGranted(bytes: number): void {
    this.granted = true;
    this.taken = bytes;
    this.cancelTake = () => {};
    this.enter('reading', this.environment.limits.transferTimeoutMs);
    if (!this.socket.isPaused()) return;
    this.socket.resume();
    this.proceed();
  }

  private async serve(frame: Buffer): Promise<void> {
    this.enter('serving', Infinity);
    let outcome: Outcome;
    try {
      outcome = await this.environment.dispatcher.dispatch(frame, {
        session: this.session,
        signal: this.aborter.signal,
        answerRoom: () => Math.max(0, this.environment.answers.limit - this.environment.answers.bytes),
      });
    } catch (error) {
      this.environment.onError(this, error);
      outcome = CLOSE;
    }
    this.release();
    if (this.isClosed()) return;
    if (outcome === CLOSE) this.destroy();
    else if (outcome === NO_ANSWER) this.next();
    else this.write(outcome);
  }

  private write(pieces: readonly Buffer[]): void {
    const { limits, answers } = this.environment;
    this.enter('writing', limits.transferTimeoutMs);
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    answers.bytes += bytes;
    const written = () => {
      answers.bytes -= bytes;
      if (!this.isClosed()) this.next();
    };
    this.socket.cork();
    pieces.forEach((piece, i) => this.socket.write(piece, i === pieces.length - 1 ? written : undefined));
    this.socket.uncork();
  }

  private next(): void {
    if (this.draining) return void this.socket.end();
    this.enter('idle', this.environment.limits.idleTimeoutMs);
    if (this.socket.isPaused()) this.socket.resume();
    if (this.received.length > 0) this.proceed();
  }

  private enter(stage: Stage, timeoutMs: number): void {
    this.stage = stage;
    this.deadline = Date.now() + timeoutMs;
  }

  private closed(): void {
    if (this.stage === 'closed') return;
    const serving = this.stage === 'serving';
    this.stage = 'closed';
    this.cancelTake();
    // While a request is served its bytes are still in use; they are given back when that is done.
    if (!serving) this.release();
    this.received.clear();
    this.aborter.abort();
    this.environment.onClose(this);
  }

  private release(): void {
    if (this.taken === 0) return;
    const bytes = this.taken;
    this.taken = 0;
    this.environment.requests.give(bytes);
  }

  private isClosed(): boolean {
    return this.stage === 'closed';
  }
}
