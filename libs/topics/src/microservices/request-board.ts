import type { TopicsService } from '../topics.service.js';

const boards = new WeakMap<TopicsService, RequestBoard>();

/** Lets clients tell servers in the same process that they no longer wait for an answer. */
export class RequestBoard {
  private readonly served = new Map<string, () => void>();

  static of(topics: TopicsService): RequestBoard {
    let board = boards.get(topics);
    if (board === undefined) boards.set(topics, (board = new RequestBoard()));
    return board;
  }

  /** A server begins to answer. `cancel` is called at most once, if the client gives up. */
  serve(correlationId: string, cancel: () => void): void {
    this.served.set(correlationId, cancel);
  }

  done(correlationId: string): void {
    this.served.delete(correlationId);
  }

  /** The client has given up. */
  cancel(correlationId: string): void {
    const cancel = this.served.get(correlationId);
    this.served.delete(correlationId);
    cancel?.();
  }
}
