import type { Socket } from 'node:net';
import { type AnswerBudget, AnswerMemory } from './answer-memory.js';
import type { Outcome } from './dispatcher.js';
import { CLOSE, NO_ANSWER } from './request.types.js';

/** One request's place in the order of the answers, until the client has received its answer. */
export interface Place {
  /** Undefined while the request is being served. */
  outcome: Outcome | undefined;
  /** Released when the client has received the answer, or never will. */
  readonly memory: AnswerMemory;
}

export interface AnswerEvents {
  /** Answers were handed to the socket. */
  sending(): void;
  /** The socket has sent the first answers. */
  sent(): void;
  /** The next answer is a refusal: the connection must be closed. */
  refused(): void;
}

/** Sends answers to one client in the order of its requests. */
export class AnswerQueue {
  private places: Place[] = [];
  /** How many places, from the first on, have an answer that the socket is sending. */
  private writing = 0;
  private isDue = false;
  private isAbandoned = false;

  constructor(
    private readonly socket: Socket,
    private readonly budget: AnswerBudget,
    private readonly events: AnswerEvents,
  ) {}

  /** Requests being served, and those whose answers are not sent yet. */
  get length(): number {
    return this.places.length;
  }

  /** Opens the place of the next request. */
  open(): Place {
    const place = { outcome: undefined, memory: new AnswerMemory(this.budget) };
    this.places.push(place);
    return place;
  }

  /**
   * Records a request's outcome. Sending waits for the next tick, so that answers released by one sync share a write.
   */
  settle(place: Place, outcome: Outcome): void {
    place.outcome = outcome;
    if (this.isAbandoned) {
      place.memory.release();
      this.places.splice(this.places.indexOf(place), 1);
    } else if (!this.isDue) {
      this.isDue = true;
      process.nextTick(() => {
        this.isDue = false;
        if (!this.isAbandoned) this.answer();
      });
    }
  }

  /** The client is gone: only requests that are still being served keep their place. */
  abandon(): void {
    this.isAbandoned = true;
    // The socket still uses the memory of answers that it is sending.
    for (const { outcome, memory } of this.places.slice(this.writing)) {
      if (outcome !== undefined) memory.release();
    }
    this.places = this.places.filter(({ outcome }) => outcome === undefined);
  }

  /** Sends the available answers up to the first request that is still being served. */
  private answer(): void {
    const pieces: Buffer[] = [];
    let answered = 0;
    let isRefused = false;
    for (let i = this.writing; i < this.places.length && !isRefused; i++) {
      const { outcome, memory } = this.places[i]!;
      if (outcome === undefined) break;
      if (outcome === CLOSE) isRefused = true;
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
    // Close only after the answers before the refusal are written.
    if (isRefused) this.events.refused();
  }

  private write(pieces: readonly Buffer[], answered: number): void {
    if (pieces.length === 0 && this.writing === 0) return this.written(answered);
    this.events.sending();
    const places = this.places.slice(this.writing, this.writing + answered);
    this.writing += answered;
    // The socket calls this even if it fails, but never before it is done with the pieces.
    const written = () => {
      for (const { memory } of places) memory.release();
      this.writing -= answered;
      if (!this.isAbandoned) this.written(answered);
    };
    if (pieces.length === 0) pieces = [NOTHING];
    this.socket.cork();
    pieces.forEach((piece, i) => this.socket.write(piece, i === pieces.length - 1 ? written : undefined));
    this.socket.uncork();
  }

  private written(answered: number): void {
    this.places.splice(0, answered);
    this.events.sent();
  }
}

const NOTHING = Buffer.alloc(0);
