/** How something ends that handlers find out: whoever waits for `end` hears what they told first. */
export interface Outcome {
  readonly end: Promise<void>;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export function newOutcome(): Outcome {
  let done!: () => void;
  let failed!: (error: Error) => void;
  const end = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  return { end, done, failed };
}
