/** Log levels; each includes the levels before it. */
export const LOG_LEVELS = ['error', 'warn', 'log', 'debug', 'verbose'] as const;
/** A log level: `error` logs least, `verbose` most. */
export type LogLevelName = (typeof LOG_LEVELS)[number];
