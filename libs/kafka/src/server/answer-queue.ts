import type { Socket } from 'node:net';
import { type AnswerBudget, AnswerMemory } from './answer-memory.js';
import type { Outcome } from './dispatcher.js';
import { CLOSE, NO_ANSWER } from './request.types.js';

/** The place of one request in the order of the answers, until the client has its answer. */
export interface Place {
  /** Undefined while the request is served. */
  outcome: Outcome | undefined;
  /** Given back when the client has its answer, or will never have it. */
  readonly memory: AnswerMemory;
}

export interface AnswerEvents {
  /** Answers are on their way. */
  sending(): void;
  /** The client has the first answers. */
  sent(): void;
  /** The first request without an answer has none but the end of the connection. */
  refused(): void;
}

/** Sends answers to one client in the order of its requests. */
export class AnswerQueue {
  private places: Place[] = [];
  /** How many of the first places have their answer on the way to the client. */
  private writing = 0;
  private isDue = false;
  private isAbandoned = false;

  constructor(
    private readonly socket: Socket,
    private readonly budget: AnswerBudget,
    private readonly events: AnswerEvents,
  ) {}

  /** Requests that are served, and those whose answers the client does not have yet. */
  get length(): number {
    return this.places.length;
  }

  /** The place of the next request. */
  open(): Place {
    const place = { outcome: undefined, memory: new AnswerMemory(this.budget) };
    this.places.push(place);
    return place;
  }

  /** The request was served. What one sync has made durable is answered together. */
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

  /** The client is gone: from here on only what is still served has a place. */
  abandon(): void {
    this.isAbandoned = true;
    // What is being written is the socket's until it says so.
    for (const { outcome, memory } of this.places.slice(this.writing)) {
      if (outcome !== undefined) memory.release();
    }
    this.places = this.places.filter(({ outcome }) => outcome === undefined);
  }

  /** Sends the answers that are there, as far as all before them are. */
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
    // Those before it keep their answers.
    if (isRefused) this.events.refused();
  }

  private write(pieces: readonly Buffer[], answered: number): void {
    if (pieces.length === 0 && this.writing === 0) return this.written(answered);
    this.events.sending();
    const places = this.places.slice(this.writing, this.writing + answered);
    this.writing += answered;
    // Called when the socket failed, too; never before it is done with the pieces.
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
