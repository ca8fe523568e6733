/** The longest pause of a timer. */
const MAX_MS = 2_147_483_647;

/**
 * Keeps the process running until it is released. Who waits for messages has neither a socket nor a timer: without this
 * Node would end a worker that has no server, quietly and with status 0, while its handlers wait.
 *
 * @internal
 */
export class ProcessHold {
  private readonly timer = setInterval(() => {}, MAX_MS);

  release(): void {
    clearInterval(this.timer);
  }
}
