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

/** Bytes read ahead while a client's requests are served. */
const AHEAD_BYTES = 64 * 1024;
/** Most overlapping requests of one connection, and the bytes of them above which no further one is begun. */
const MAX_OVERLAP = 256;
const OVERLAP_BYTES = 2 * 1024 * 1024;

export interface ConnectionLimits {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

/** The environment that all connections share. */
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

/** A parsed request and its memory. */
interface Arrived {
  readonly request: PreparedRequest;
  readonly frame: Frame;
}

/**
 * One client connection. Requests are answered in order and served one at a time, except that overlapping requests
 * (appends that wait for the same sync) are served together. Meanwhile only a little is read ahead, or one more
 * request.
 *
 * Requests that arrived completely before the client closed the connection are still served: with `acks=0`, clients
 * close it right after requests to which they expect no answer.
 */
export class Connection implements Receiver {
  private readonly socket: Socket;
  private readonly reader: FrameReader;
  private readonly aborter = new AbortController();
  /** A request that must wait until all earlier ones are answered. */
  private held: Arrived | undefined;
  private readonly answers: AnswerQueue;
  private serving = 0;
  /** Bytes of the requests being served. */
  private servedBytes = 0;
  /** Whether the requests being served may overlap with further ones. */
  private overlapping = false;
  private reading = false;
  private draining = false;
  /** We ended the connection, not the client. */
  private isGivenUp = false;
  private isClosed = false;
  /** The connection is closed, and no further request will be begun. */
  private isOver = false;
  private deadline: number;

  /** @param accepted a socket from which nothing has been read yet */
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

  /** Closes the connection if the client has been idle, or slow to send a request or read an answer, for too long. */
  checkDeadline(): void {
    if (this.serving === 0 && this.environment.clock.now() >= this.deadline) this.destroy();
  }

  /** Ends waits, answers the requests being served, then closes. */
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

  /** Begins every request that may begin. */
  private proceed(): void {
    while (!this.isOver && !this.isGivenUp && !this.draining) {
      if (!this.takesMore()) {
        // Start to read the next large request while the batches before it are stored.
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

  /** The next request, if it has arrived completely. */
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

  /** Reads the length of the next request, and reserves memory for it. */
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
      // Requests of other clients fill the memory, so no deadline applies to this one.
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
          // After a failure, something may still be running that reads the request's bytes.
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

  /** Drops requests that were not begun. The bytes of requests being served are released when those are done. */
  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reader.close();
    this.held?.frame.release(true);
    this.held = undefined;
    this.environment.onClose(this);
  }
}
