/** What `genrocks` exits with. */
export const EXIT = {
  ok: 0,
  /** A command, option or configuration that is wrong, or what was asked for was refused: doing the same again fails again. */
  failed: 1,
  /** `log` commands: everything was done that could be, and something in the log is damaged. */
  damaged: 2,
  /** It did not work now and may work later: no broker answers, the directory is locked, the broker is busy. */
  unavailable: 3,
  /** `group lag --max`: the lag is above it. */
  above: 4,
  /** SIGINT or SIGTERM ended it before it had finished. */
  interrupted: 130,
} as const;
