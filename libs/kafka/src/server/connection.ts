import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { type AnswerBudget, AnswerMemory } from './answer-memory.js';
import type { Dispatcher, Outcome, PreparedRequest } from './dispatcher.js';
import { type Frame, FrameReader } from './frame-reader.js';
import type { MemoryBudget } from './memory-budget.js';
import { receive, type Receiver } from './receiving.js';
import { CLOSE, NO_ANSWER, type Session } from './request.types.js';
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

/** The place of one request in the order of the answers, until the client has its answer. */
interface Place {
  /** Undefined while the request is served. */
  outcome: Outcome | undefined;
  /** Given back when the client has its answer, or will never have it. */
  readonly memory: AnswerMemory;
}

/**
 * One client. Requests are answered in their order. They are served one at a time, except that those which may overlap
 * (appends of several batches that wait for the same sync) do so among themselves; meanwhile the client may send only
 * a little ahead, or one request more.
 */
export class Connection implements Receiver {
  private readonly socket: Socket;
  private readonly reader: FrameReader;
  private readonly aborter = new AbortController();
  /** A request that has to wait until those before it are answered. */
  private held: Arrived | undefined;
  private readonly places: Place[] = [];
  /** How many of the first places have their answer on the way to the client. */
  private writing = 0;
  private serving = 0;
  /** Bytes of the requests that are served. */
  private servedBytes = 0;
  /** All that is served now may overlap. */
  private overlapping = false;
  private answersDue = false;
  private reading = false;
  private draining = false;
  private isClosed = false;
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
    if (this.serving === 0 && this.environment.clock.now() >= this.deadline) this.socket.destroy();
  }

  /** Ends waits, answers what is being served, then closes. */
  drain(): void {
    this.draining = true;
    this.aborter.abort();
    if (this.places.length === 0) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Begins what may begin. */
  private proceed(): void {
    while (!this.isClosed && !this.draining) {
      if (!this.takesMore()) {
        // A large request is read while those before it are stored.
        if (this.overlapping) this.begin();
        if (this.reader.waiting > AHEAD_BYTES || this.reader.isWhole) this.socket.pause();
        return;
      }
      const next = this.held ?? this.arrived();
      if (next === undefined) return;
      const mayBegin = this.places.length === 0 || next.request.overlaps;
      this.held = mayBegin ? undefined : next;
      if (mayBegin) this.serve(next);
    }
  }

  private takesMore(): boolean {
    if (this.places.length === 0) return true;
    if (this.held !== undefined || !this.overlapping) return false;
    return this.places.length < MAX_OVERLAP && this.servedBytes < OVERLAP_BYTES;
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
    if (this.isClosed) return;
    this.expect(this.environment.limits.transferTimeoutMs);
    if (this.socket.isPaused()) this.socket.resume();
    this.proceed();
  }

  private serve({ request, frame }: Arrived): void {
    const memory = new AnswerMemory(this.environment.answers);
    const place: Place = { outcome: undefined, memory };
    this.overlapping = request.overlaps;
    this.places.push(place);
    this.serving++;
    this.servedBytes += frame.bytes.length;
    const answered = (outcome: Outcome, unseen: boolean) => {
      this.serving--;
      this.servedBytes -= frame.bytes.length;
      frame.release(unseen);
      place.outcome = outcome;
      if (this.isClosed) memory.release();
      else this.answerSoon();
    };
    request
      .serve({
        session: this.session,
        signal: this.aborter.signal,
        memory,
      })
      .then(
        (outcome) => answered(outcome, request.isDoneWithBytes),
        (error: unknown) => {
          this.environment.onError(this, error);
          // What failed in the middle may have left something running that still reads.
          answered(CLOSE, false);
        },
      );
  }

  /** What one sync has made durable is answered together. */
  private answerSoon(): void {
    if (this.answersDue) return;
    this.answersDue = true;
    process.nextTick(() => {
      this.answersDue = false;
      if (!this.isClosed) this.answer();
    });
  }

  /** Sends the answers that are there, as far as all before them are. */
  private answer(): void {
    const pieces: Buffer[] = [];
    let answered = 0;
    let close = false;
    for (let i = this.writing; i < this.places.length && !close; i++) {
      const { outcome, memory } = this.places[i]!;
      if (outcome === undefined) break;
      if (outcome === CLOSE) close = true;
      else {
        answered++;
        if (outcome === NO_ANSWER) continue;
        let bytes = 0;
        for (const piece of outcome) bytes += piece.length;
        memory.hold(bytes);
        for (const piece of outcome) pieces.push(piece);
      }
    }
    if (answered > 0) this.write(pieces, answered);
    // Those before it keep their answers.
    if (close) this.socket.destroySoon();
  }

  private write(pieces: readonly Buffer[], answered: number): void {
    if (pieces.length === 0 && this.writing === 0) return this.written(answered);
    this.expect(this.environment.limits.transferTimeoutMs);
    const places = this.places.slice(this.writing, this.writing + answered);
    this.writing += answered;
    // Called when the socket failed, too; never before it is done with the pieces.
    const written = () => {
      for (const { memory } of places) memory.release();
      this.writing -= answered;
      if (!this.isClosed) this.written(answered);
    };
    if (pieces.length === 0) pieces = [NOTHING];
    this.socket.cork();
    pieces.forEach((piece, i) => this.socket.write(piece, i === pieces.length - 1 ? written : undefined));
    this.socket.uncork();
  }

  /** The client has the first answers. */
  private written(answered: number): void {
    this.places.splice(0, answered);
    if (this.places.length === 0) {
      if (this.draining) return void this.socket.end();
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
    // While a request is served its bytes are still in use; they are given back when that is done.
    this.reader.close();
    this.held?.frame.release(true);
    this.held = undefined;
    // What is being written is the socket's until it says so.
    for (const { outcome, memory } of this.places.slice(this.writing)) {
      if (outcome !== undefined) memory.release();
    }
    this.aborter.abort();
    this.environment.onClose(this);
  }
}

const NOTHING = Buffer.alloc(0);
