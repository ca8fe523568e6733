/** Options read from environment variables, in the shape that `checkOptions` takes. */
export interface EnvOptions {
  /** Values by the path of their key. */
  readonly values: Record<string, string>;
  /** The variable each value came from, for `CheckOptions.names`. */
  readonly names: Record<string, string>;
}

/**
 * Reads options from environment variables. A variable that is unset or blank does not set its option.
 *
 * @param variables the variable of each property, such as `{ logDir: 'GENROCKS_LOG_DIR' }`
 *
 * @example
 * const { values, names } = readEnv({ logDir: 'GENROCKS_LOG_DIR' });
 * return checkOptions(DiskLogOptions, values, { where: 'storage.disk_log', names });
 */
export function readEnv(
  variables: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): EnvOptions {
  const values: Record<string, string> = {};
  const names: Record<string, string> = {};
  for (const [property, variable] of Object.entries(variables)) {
    const value = env[variable];
    if (value === undefined || value.trim() === '') continue;
    values[property] = value;
    names[property] = variable;
  }
  return { values, names };
}
