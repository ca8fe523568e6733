/** What `genrocks` exits with. */
export const EXIT = {
  ok: 0,
  /** A command, option or configuration that is wrong, or a broker that could not start: port taken, storage locked. */
  failed: 1,
  /** `log` commands: everything was done that could be, and something in the log is damaged. */
  damaged: 2,
  /** A second signal ended the process before it had finished. */
  forced: 130,
} as const;
