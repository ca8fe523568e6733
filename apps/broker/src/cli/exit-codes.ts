/** Exit codes of `genrocks`. */
export const EXIT = {
  ok: 0,
  /** A command, option or configuration is wrong, or the request was refused; the same command fails again. */
  failed: 1,
  /** `log` commands: the command did what it could, but part of the log is damaged. */
  damaged: 2,
  /** The same command may succeed later: no broker answers, the directory is locked, the broker is busy. */
  unavailable: 3,
  /** `group lag --max`: the lag is above the maximum. */
  above: 4,
  /** SIGINT or SIGTERM ended the command before it finished. */
  interrupted: 130,
} as const;
