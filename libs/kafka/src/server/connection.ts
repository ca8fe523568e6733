import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { AnswerBudget } from './answer-memory.js';
import { AnswerQueue } from './answer-queue.js';
import type { Dispatcher, Outcome, PreparedRequest } from './dispatcher.js';
import { type Frame, FrameReader } from './frame-reader.js';
import type { MemoryBudget } from './memory-budget.js';
import { receive, type Receiver } from './receiving.js';
import { CLOSE, type Session } from './request.types.js';
import type { BufferPool } from './buffer-pool.js';
import type { WakingClock } from './waking-clock.js';

/** What a client may send ahead while its requests are served. */
const AHEAD_BYTES = 64 * 1024;
/** Requests of one connection that are served at once, where they may be; and after how many bytes of them it is enough. */
const MAX_OVERLAP = 256;
const OVERLAP_BYTES = 2 * 1024 * 1024;

export interface ConnectionLimits {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

/** What connections share. */
export interface ConnectionEnvironment {
  readonly limits: ConnectionLimits;
  readonly clock: WakingClock;
  readonly dispatcher: Dispatcher;
  /** Largest request this client may send now, in bytes. */
  readonly requestLimit: (session: Session) => number;
  readonly requests: MemoryBudget;
  /** Memory for large requests. */
  readonly buffers: BufferPool;
  readonly answers: AnswerBudget;
  onClose(connection: Connection): void;
  onError(connection: Connection, error: unknown): void;
}

/** A request that is known, and the memory it holds. */
interface Arrived {
  readonly request: PreparedRequest;
  readonly frame: Frame;
}

/**
 * One client. Requests are answered in their order. They are served one at a time, except that those which may overlap
 * (appends of several batches that wait for the same sync) do so among themselves; meanwhile the client may send only
 * a little ahead, or one request more. What came as a whole before the client went away is served all the same: with
 * `acks=0` clients close the connection after requests to which they expect no answer.
 */
export class Connection implements Receiver {
  private readonly socket: Socket;
  private readonly reader: FrameReader;
  private readonly aborter = new AbortController();
  /** A request that has to wait until those before it are answered. */
  private held: Arrived | undefined;
  private readonly answers: AnswerQueue;
  private serving = 0;
  /** Bytes of the requests that are served. */
  private servedBytes = 0;
  /** All that is served now may overlap. */
  private overlapping = false;
  private reading = false;
  private draining = false;
  /** It was us who ended the connection. */
  private isGivenUp = false;
  private isClosed = false;
  /** Closed, and nothing of what came will be begun any more. */
  private isOver = false;
  private deadline: number;

  /** @param accepted of which nothing was read yet */
  constructor(
    accepted: Socket,
    readonly session: Session,
    private readonly environment: ConnectionEnvironment,
  ) {
    this.reader = new FrameReader(environment.requests, environment.buffers, () => this.granted());
    // One long poll may wait on hundreds of partitions.
    setMaxListeners(0, this.aborter.signal);
    this.deadline = environment.clock.now() + environment.limits.idleTimeoutMs;
    this.socket = receive(accepted, this);
    this.answers = new AnswerQueue(this.socket, environment.answers, {
      sending: () => this.expect(environment.limits.transferTimeoutMs),
      sent: () => this.answered(),
      refused: () => {
        this.isGivenUp = true;
        this.socket.destroySoon();
      },
    });
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.closed());
  }

  get room(): Buffer | undefined {
    return this.reader.room;
  }

  received(bytes: Buffer): void {
    if (this.draining) return;
    this.reader.push(bytes);
    this.proceed();
    this.reader.keep();
  }

  /** Closes a client that is idle, sends half a request, or does not read, for too long. */
  checkDeadline(): void {
    if (this.serving === 0 && this.environment.clock.now() >= this.deadline) this.destroy();
  }

  /** Ends waits, answers what is being served, then closes. */
  drain(): void {
    this.draining = true;
    this.aborter.abort();
    if (this.answers.length === 0 || this.isClosed) this.destroy();
  }

  destroy(): void {
    this.isGivenUp = true;
    this.socket.destroy();
    if (this.isClosed) this.finish();
  }

  /** Begins what may begin. */
  private proceed(): void {
    while (!this.isOver && !this.isGivenUp && !this.draining) {
      if (!this.takesMore()) {
        // A large request is read while those before it are stored.
        if (this.overlapping) this.begin();
        if (this.reader.waiting > AHEAD_BYTES || this.reader.isWhole) this.socket.pause();
        break;
      }
      const next = this.held ?? this.arrived();
      if (next === undefined) break;
      const mayBegin = this.answers.length === 0 || next.request.overlaps;
      this.held = mayBegin ? undefined : next;
      if (mayBegin) this.serve(next);
    }
    if (this.isClosed && this.held === undefined && !this.reader.hasWhole) this.finish();
  }

  private takesMore(): boolean {
    if (this.answers.length === 0) return true;
    if (this.held !== undefined || !this.overlapping) return false;
    return this.answers.length < MAX_OVERLAP && this.servedBytes < OVERLAP_BYTES;
  }

  /** The next request, where it has come as a whole. */
  private arrived(): Arrived | undefined {
    this.begin();
    const frame = this.reader.take();
    if (frame === undefined) return undefined;
    this.reading = false;
    try {
      return { request: this.environment.dispatcher.prepare(frame.bytes, this.session), frame };
    } catch (error) {
      frame.release(false);
      this.environment.onError(this, error);
      this.destroy();
      return undefined;
    }
  }

  /** Finds out how long the next request is, and whether there is room for it. */
  private begin(): void {
    const { limits, dispatcher, requestLimit } = this.environment;
    if (!this.reading && this.reader.isReading) {
      this.reading = true;
      this.expect(limits.transferTimeoutMs);
    }
    const isAllowed = this.reader.begin(() => ({
      from: dispatcher.leastBytes(this.session),
      to: requestLimit(this.session),
    }));
    if (!isAllowed) this.destroy();
    else if (this.reader.isBlocked) {
      // Somebody else's requests fill the memory: that is no fault of this client.
      this.expect(Infinity);
      this.socket.pause();
    }
  }

  private granted(): void {
    if (this.isOver) return;
    this.expect(this.environment.limits.transferTimeoutMs);
    if (this.socket.isPaused()) this.socket.resume();
    this.proceed();
  }

  private serve({ request, frame }: Arrived): void {
    const place = this.answers.open();
    this.overlapping = request.overlaps;
    this.serving++;
    this.servedBytes += frame.bytes.length;
    const served = (outcome: Outcome, unseen: boolean) => {
      this.serving--;
      this.servedBytes -= frame.bytes.length;
      frame.release(unseen);
      this.answers.settle(place, outcome);
      if (!this.isClosed) return;
      if (outcome === CLOSE) this.finish();
      else this.proceed();
    };
    request
      .serve({
        session: this.session,
        signal: this.aborter.signal,
        memory: place.memory,
      })
      .then(
        (outcome) => served(outcome, request.isDoneWithBytes),
        (error: unknown) => {
          this.environment.onError(this, error);
          // What failed in the middle may have left something running that still reads.
          served(CLOSE, false);
        },
      );
  }

  /** The client has the first answers. */
  private answered(): void {
    if (this.answers.length === 0) {
      if (this.draining || this.environment.dispatcher.isRefused(this.session)) {
        this.isGivenUp = true;
        return void this.socket.end();
      }
      const { transferTimeoutMs, idleTimeoutMs } = this.environment.limits;
      if (!this.reader.isBlocked) this.expect(this.reading ? transferTimeoutMs : idleTimeoutMs);
    }
    if (this.socket.isPaused() && !this.reader.isBlocked) this.socket.resume();
    this.proceed();
  }

  private expect(timeoutMs: number): void {
    this.deadline = this.environment.clock.now() + timeoutMs;
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.answers.abandon();
    this.aborter.abort();
    if (this.isGivenUp || this.draining) this.finish();
    else this.proceed();
  }

  /** Drops what was not begun. While a request is served its bytes are still in use; they are given back when it is done. */
  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reader.close();
    this.held?.frame.release(true);
    this.held = undefined;
    this.environment.onClose(this);
  }
}
