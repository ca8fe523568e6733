import type { SecureContextOptions } from 'node:tls';
import { InvalidConfigError } from '@genrocks/storage';
import { userProblems, type UsersOption } from './security/user-options.js';

/** Options of the Kafka listener. Sizes are in bytes, times in milliseconds. */
export interface KafkaOptions {
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Port to listen on; 0 picks any free port. Default 9092. */
  port?: number;
  /** Host that clients are told to connect to. Default: the address through which the client connected. */
  advertisedHost?: string;
  /** Port that clients are told to connect to. Default: the port that was bound. */
  advertisedPort?: number;
  /** Whether metadata requests may create topics. Also needs `autoCreateTopics` of TopicsModule. Default true. */
  autoCreateTopics?: boolean;
  /** Most open connections; further ones are closed at once. Default 10,000. */
  maxConnections?: number;
  /** Largest request, in bytes. Default 64 MiB. */
  maxRequestBytes?: number;
  /**
   * Most bytes that all requests in flight hold; further requests wait to be read. Answers have a second budget of the
   * same size. Default 256 MiB.
   */
  maxInflightBytes?: number;
  /** Most bytes of records in the answer to one fetch, whatever it asks for. Default 16 MiB. */
  maxFetchBytes?: number;
  /** How long a connection may stay open without a request, in milliseconds. Default 600,000. */
  idleTimeoutMs?: number;
  /** How long a client may take to send one request or to read one answer, in milliseconds. Default 30,000. */
  transferTimeoutMs?: number;
  /** How long requests in flight may take when the listener stops, in milliseconds. Default 5,000. */
  shutdownTimeoutMs?: number;
  /** Shortest session timeout a group member may ask for, in milliseconds. Default 1,000. */
  minSessionTimeoutMs?: number;
  /** Longest session timeout a group member may ask for, in milliseconds. Default 1,800,000. */
  maxSessionTimeoutMs?: number;
  /** How long the first member of an empty group waits for others, in milliseconds. Default 0. */
  initialRebalanceDelayMs?: number;
  /**
   * How many brokers clients see. Each is a listener of its own, on `port`, `port + 1`, ..., or on free ports if `port`
   * is 0. Default 1.
   */
  brokers?: number;
  /**
   * Users that may log in (by PLAIN or SCRAM), and their rights: a map from names to passwords, or a list. Default: no
   * login; every client may do everything.
   */
  users?: UsersOption;
  /** Speak TLS with this certificate and key. Without it, PLAIN passwords are sent in the clear. */
  tls?: KafkaTlsOptions;
}

/**
 * TLS of the listener. Takes certificates and keys in the forms that Node's `tls` takes.
 */
export interface KafkaTlsOptions extends Pick<SecureContextOptions, 'cert' | 'key' | 'passphrase' | 'ca'> {
  /**
   * `required`: only clients whose certificate `ca` has signed may connect. `requested`: clients without a certificate
   * may connect too, but not those with a certificate that `ca` has not signed. Default `none`.
   */
  clientAuth?: KafkaClientAuth;
}

/** The options that may change while the listener runs. */
export type KafkaReload = Pick<KafkaOptions, 'tls' | 'users'>;

/** The allowed values of `clientAuth`. */
export const KAFKA_CLIENT_AUTH = ['none', 'requested', 'required'] as const;

/** Whether clients must present a certificate, like Kafka's `ssl.client.auth`. */
export type KafkaClientAuth = (typeof KAFKA_CLIENT_AUTH)[number];

type NoDefault = 'advertisedHost' | 'advertisedPort' | 'users' | 'tls';

export type ResolvedKafkaOptions = Required<Omit<KafkaOptions, NoDefault>> & Pick<KafkaOptions, NoDefault>;

const MiB = 1024 * 1024;

const DEFAULTS: ResolvedKafkaOptions = {
  host: '127.0.0.1',
  port: 9092,
  advertisedHost: undefined,
  advertisedPort: undefined,
  autoCreateTopics: true,
  maxConnections: 10_000,
  maxRequestBytes: 64 * MiB,
  maxInflightBytes: 256 * MiB,
  maxFetchBytes: 16 * MiB,
  idleTimeoutMs: 600_000,
  transferTimeoutMs: 30_000,
  shutdownTimeoutMs: 5_000,
  minSessionTimeoutMs: 1_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 0,
  brokers: 1,
  users: undefined,
  tls: undefined,
};

const HOUR = 3_600_000;

/** The allowed range of every numeric option. */
const RANGES: Partial<Record<keyof KafkaOptions, readonly [number, number]>> = {
  port: [0, 65_535],
  advertisedPort: [1, 65_535],
  maxConnections: [1, 1_000_000],
  maxRequestBytes: [1024, 1024 * MiB],
  maxInflightBytes: [64 * 1024, Number.MAX_SAFE_INTEGER],
  maxFetchBytes: [1024, 1024 * MiB],
  idleTimeoutMs: [1, 24 * HOUR],
  transferTimeoutMs: [1, HOUR],
  shutdownTimeoutMs: [0, HOUR],
  minSessionTimeoutMs: [1, 24 * HOUR],
  maxSessionTimeoutMs: [1, 24 * HOUR],
  initialRebalanceDelayMs: [0, HOUR],
  brokers: [1, 100],
};

/**
 * Checks the options and fills in the defaults.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake
 */
export function resolveKafkaOptions(options: KafkaOptions = {}): ResolvedKafkaOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const problems = given.flatMap(([name, value]) => problemsOf(name, value));
  const resolved = { ...DEFAULTS, ...Object.fromEntries(given) };
  if (problems.length === 0 && resolved.maxInflightBytes < resolved.maxRequestBytes) {
    problems.push(
      `kafka.maxInflightBytes: ${resolved.maxInflightBytes} is not allowed; at least maxRequestBytes (${resolved.maxRequestBytes})`,
    );
  }
  if (problems.length === 0 && resolved.maxSessionTimeoutMs < resolved.minSessionTimeoutMs) {
    problems.push(
      `kafka.maxSessionTimeoutMs: ${resolved.maxSessionTimeoutMs} is not allowed; at least minSessionTimeoutMs (${resolved.minSessionTimeoutMs})`,
    );
  }
  const last = Math.max(resolved.port, resolved.advertisedPort ?? 0) + resolved.brokers - 1;
  if (problems.length === 0 && last > 65_535) {
    problems.push(
      `kafka.brokers: ${resolved.brokers} is not allowed; the last broker's port would be above 65535`,
    );
  }
  if (problems.length > 0) throw new InvalidConfigError(problems);
  return resolved;
}

/** Returns one line for each change of TLS or users that needs a restart. */
export function restartProblems(running: KafkaReload, next: KafkaReload): string[] {
  const problems: string[] = [];
  for (const name of ['tls', 'users'] as const) {
    if (running[name] === undefined && next[name] !== undefined)
      problems.push(`kafka.${name}: cannot be turned on while the listener runs; restart`);
  }
  const auth = ({ tls }: KafkaReload) => tls?.clientAuth ?? 'none';
  if (next.tls !== undefined && auth(running) !== auth(next))
    problems.push('kafka.tls.clientAuth: cannot change while the listener runs; restart');
  return problems;
}

function problemsOf(name: string, value: unknown): string[] {
  const wrong = (allowed: string) => [`kafka.${name}: ${JSON.stringify(value)} is not allowed; ${allowed}`];
  if (!Object.hasOwn(DEFAULTS, name)) {
    return [`kafka.${name}: unknown option; allowed are ${Object.keys(DEFAULTS).join(', ')}`];
  }
  if (name === 'users') return userProblems(value);
  if (name === 'tls') return tlsProblems(value);
  const range = RANGES[name as keyof KafkaOptions];
  if (range !== undefined) {
    const number = value as number;
    if (Number.isInteger(number) && number >= range[0] && number <= range[1]) return [];
    return wrong(`a whole number from ${range[0]} to ${range[1]}`);
  }
  if (name === 'autoCreateTopics') return typeof value === 'boolean' ? [] : wrong('true or false');
  return typeof value === 'string' && value !== '' ? [] : wrong('a host name or address');
}

function tlsProblems(value: unknown): string[] {
  const { cert, key, ca, clientAuth = 'none' } = (value ?? {}) as KafkaTlsOptions;
  if (!cert || !key) return ['kafka.tls: give cert and key, both in PEM'];
  if (!KAFKA_CLIENT_AUTH.includes(clientAuth)) {
    return [
      `kafka.tls.clientAuth: ${JSON.stringify(clientAuth)} is not allowed; none, requested or required`,
    ];
  }
  if (clientAuth !== 'none' && !ca) return [`kafka.tls.ca: missing; clientAuth: ${clientAuth} needs it`];
  return [];
}
