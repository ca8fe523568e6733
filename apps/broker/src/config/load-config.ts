import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidConfigError } from '@genrocks/storage';
import { type BrokerConfig, checkBrokerConfig } from './broker-config.js';
import {
  type Environment,
  misspeltVariables,
  type OptionTree,
  overrideFromEnvironment,
  withoutServiceLinks,
} from './environment.js';
import { pathReason } from '../path-reasons.js';
import { parseYaml } from './yaml.js';

/** Read from the working directory if it exists and no other file is given. */
export const DEFAULT_CONFIG_FILE = 'genrocks.yaml';

/** Where a configuration comes from. */
export interface LoadConfigOptions {
  /** A YAML file. Default: `GENROCKS_CONFIG`, otherwise `genrocks.yaml` if it exists. */
  file?: string;
  /** Default: `process.env`. */
  env?: Environment;
  /** Where relative paths start. Default: the working directory. */
  cwd?: string;
}

/** A configuration, and where it came from. */
export interface LoadedConfig {
  /** Checked, with defaults filled in. */
  readonly config: BrokerConfig;
  /** Absolute path of the file that was read, if any. */
  readonly file: string | undefined;
  /** Warnings about settings that are valid but most likely unintended, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the YAML file, overrides it with the environment, and checks the result.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake, listing all of them
 */
export function loadConfig(options: LoadConfigOptions = {}): LoadedConfig {
  const { env, warnings } = withoutServiceLinks(options.env ?? process.env);
  const asked = options.file ?? nonEmpty(env['GENROCKS_CONFIG']);
  const file = resolve(options.cwd ?? process.cwd(), asked ?? DEFAULT_CONFIG_FILE);
  const text = readConfigFile(file, asked !== undefined);
  const tree = text === undefined ? {} : parseConfigFile(file, text);
  const names = overrideFromEnvironment(tree, env);
  return {
    config: checkBrokerConfig(tree, names),
    file: text === undefined ? undefined : file,
    warnings: [...warnings, ...misspeltVariables(env)],
  };
}

function readConfigFile(file: string, required: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !required) return undefined;
    const reason = code === 'ENOENT' ? 'the file does not exist' : pathReason(error as NodeJS.ErrnoException);
    throw new InvalidConfigError([`configuration file ${file} cannot be read: ${reason}`]);
  }
}

function parseConfigFile(file: string, text: string): OptionTree {
  const tree = parseYaml(file, text);
  if (tree === null || tree === undefined) return {};
  if (typeof tree === 'object' && !Array.isArray(tree)) return tree as OptionTree;
  throw new InvalidConfigError([
    `${file}: the file must hold a group of options such as "http:" and "storage:"`,
  ]);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}
