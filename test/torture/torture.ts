import { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';

/** What a rig gets: its random numbers, how long it may run, and a way to tell how far it is. */
export interface Torture {
  readonly random: Random;
  /** Is there time for another cycle? */
  readonly more: () => boolean;
  readonly say: (message: string) => void;
}

export interface Rig {
  readonly name: string;
  /** Why it cannot run here, if it cannot. */
  readonly unavailable: () => string | undefined;
  readonly run: (torture: Torture) => Promise<void>;
}

/** A run bounded by cycles, and by time. */
export function torture(seed: number, cycles: number, seconds: number, verbose: boolean): Torture {
  const end = Date.now() + seconds * 1000;
  let left = cycles;
  return {
    random: new Random(seed),
    more: () => left-- > 0 && Date.now() < end,
    say: (message) => {
      if (verbose) console.log(message);
    },
  };
}
