/** The longest pause of a timer. */
const MAX_MS = 2_147_483_647;

/**
 * Keeps the process running until it is released. A consumer that waits for messages has neither a socket nor a timer, so
 * Node would end a worker without a server, silently and with status 0.
 *
 * @internal
 */
export class ProcessHold {
  private readonly timer = setInterval(() => {}, MAX_MS);

  release(): void {
    clearInterval(this.timer);
  }
}
