export interface SuiteBroker {
  /** Address of the Kafka listener. */
  readonly bootstrap: string;
  /** Address of the HTTP API. */
  readonly url: string;
  readonly pid: number;
  /** Ends it in order and removes its directory, if that is its own. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL; the directory stays. */
  kill(): Promise<void>;
  /** Its process stands still until it is thawed. */
  freeze(): void;
  thaw(): void;
}

/**
 * The built broker on the disk log, in a process of its own.
 *
 * @param env more of its environment
 * @param directory where its log is; a temporary directory of its own where there is none
 */
export function startBroker(env?: Readonly<Record<string, string>>, directory?: string): Promise<SuiteBroker>;
