/** How much is logged: each level includes those before it. */
export const LOG_LEVELS = ['error', 'warn', 'log', 'debug', 'verbose'] as const;
/** How much is logged: `error` least, `verbose` most. */
export type LogLevelName = (typeof LOG_LEVELS)[number];
