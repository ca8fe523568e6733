import { readFileSync } from 'node:fs';
import { InvalidConfigError } from '@genrocks/storage';
import { didYouMean } from '@genrocks/storage/config';
import { type KafkaTlsOptions, type KafkaUser, userProblems } from '@genrocks/kafka/config';
import type { Environment } from './environment.js';
import type { KafkaTlsConfig } from './kafka.config.js';

const USER_KEYS = ['name', 'password', 'password_env', 'scram', 'rights'];
const RIGHT_KEYS = ['topics', 'groups', 'cluster', 'allow'];
/** Placeholder for a password that is looked up when the listener is created. */
const LATER = 'later';

type UserTree = Omit<KafkaUser, 'password'> & { readonly password?: string; readonly password_env?: string };

/** One line per mistake in `kafka.users`, with the keys of YAML. No line contains a password. */
export function kafkaUserProblems(users: unknown): string[] {
  if (users === undefined || users === null) return [];
  if (!Array.isArray(users)) return ['kafka.users: must be a list of users'];
  const problems = users.flatMap((user: unknown, i) => unknownKeys(user, `kafka.users[${i}]`));
  const checkable = users.map((user: UserTree | null, i) => {
    const { password_env: variable, ...rest } = user ?? ({} as UserTree);
    if (variable === undefined) return user;
    if (typeof variable !== 'string' || variable === '') {
      problems.push(
        `kafka.users[${i}].password_env: the value is not allowed; the name of an environment variable`,
      );
    }
    if (rest.password !== undefined) {
      problems.push(`kafka.users[${i}]: both password and password_env; give one of them`);
    }
    return { ...rest, password: LATER };
  });
  return [...problems, ...userProblems(checkable)];
}

function unknownKeys(user: unknown, where: string): string[] {
  const { rights } = (user ?? {}) as { rights?: unknown };
  const strange = (tree: unknown, at: string, known: readonly string[]) =>
    (typeof tree === 'object' && tree !== null ? Object.keys(tree) : [])
      .filter((key) => !known.includes(key))
      .map((key) => {
        const meant = didYouMean(key, known);
        const help = meant === undefined ? `allowed are ${known.join(', ')}` : `did you mean ${meant}?`;
        return `${at}.${key.slice(0, 80)}: unknown option; ${help}`;
      });
  return [
    ...strange(user, where, USER_KEYS),
    ...(Array.isArray(rights) ? rights : []).flatMap((right: unknown, i) =>
      strange(right, `${where}.rights[${i}]`, RIGHT_KEYS),
    ),
  ];
}

/**
 * Resolves the passwords of the users from the environment.
 * @throws {InvalidConfigError} `INVALID_CONFIG` if a variable is not set
 */
export function toKafkaUsers(users: readonly unknown[], env: Environment): KafkaUser[] {
  const problems: string[] = [];
  const resolved = (users as readonly UserTree[]).map(({ password_env: variable, ...user }, i) => {
    if (variable === undefined) return user;
    const password = env[variable];
    if (!password)
      problems.push(`kafka.users[${i}].password_env: the environment variable ${variable} is not set`);
    return { ...user, password };
  });
  if (problems.length > 0) throw new InvalidConfigError(problems);
  return resolved;
}

/**
 * Reads the certificate and key files.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per unreadable file
 */
export function toKafkaTls(config: KafkaTlsConfig): KafkaTlsOptions {
  const problems: string[] = [];
  const read = (name: 'key' | 'cert' | 'ca'): Buffer | undefined => {
    const file = config[name];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      problems.push(`kafka.tls.${name}: ${file} cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  };
  const [key, cert, ca] = [read('key'), read('cert'), read('ca')];
  if (problems.length > 0) throw new InvalidConfigError(problems);
  const { passphrase, clientAuth } = config;
  return {
    key,
    cert,
    clientAuth,
    ...(ca === undefined ? {} : { ca }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}
