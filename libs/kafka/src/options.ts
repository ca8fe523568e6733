import type { SecureContextOptions } from 'node:tls';
import { InvalidConfigError } from '@genrocks/storage';
import { userProblems, type UsersOption } from './security/user-options.js';

/** Options of the Kafka listener. Byte counts and times are plain numbers. */
export interface KafkaOptions {
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Port to listen on; 0 takes any free one. Default 9092. */
  port?: number;
  /** The host clients are told to connect to. Default: the address through which the client came. */
  advertisedHost?: string;
  /** The port clients are told to connect to. Default: the one that was bound. */
  advertisedPort?: number;
  /** May metadata requests create topics? Also needs `autoCreateTopics` of TopicsModule. Default true. */
  autoCreateTopics?: boolean;
  /** Connections at once; more are closed as they come. Default 10,000. */
  maxConnections?: number;
  /** Largest request, in bytes. Default 64 MiB. */
  maxRequestBytes?: number;
  /** Bytes all requests under way may take together; further ones wait to be read. Default 256 MiB. */
  maxInflightBytes?: number;
  /** Most bytes of records one fetch is answered with, whatever it asks for. Default 16 MiB. */
  maxFetchBytes?: number;
  /** A connection without a request is closed after this many milliseconds. Default 600,000. */
  idleTimeoutMs?: number;
  /** How long a client may take to send one request or to read one answer, in milliseconds. Default 30,000. */
  transferTimeoutMs?: number;
  /** How long requests under way may take when the listener stops, in milliseconds. Default 5,000. */
  shutdownTimeoutMs?: number;
  /** Shortest session timeout a group member may ask for, in milliseconds. Default 1,000. */
  minSessionTimeoutMs?: number;
  /** Longest session timeout a group member may ask for, in milliseconds. Default 1,800,000. */
  maxSessionTimeoutMs?: number;
  /** How long the first member of an empty group waits for others, in milliseconds. Default 0. */
  initialRebalanceDelayMs?: number;
  /** Brokers that clients see, each a listener of its own: on `port`, `port + 1`, ... or on free ones. Default 1. */
  brokers?: number;
  /**
   * Who may connect (PLAIN and SCRAM), and what they may do; names with passwords, or a list. Default: everybody may
   * connect and do everything.
   */
  users?: UsersOption;
  /** Speak TLS, with this certificate and key. Without it passwords of PLAIN travel in the clear. */
  tls?: KafkaTlsOptions;
}

/**
 * TLS of the listener, with certificates and keys as Node's `tls` takes them. Without it connections are in the
 * clear.
 */
export interface KafkaTlsOptions extends Pick<SecureContextOptions, 'cert' | 'key' | 'passphrase' | 'ca'> {
  /**
   * `required`: only clients with a certificate that `ca` has signed may connect. `requested`: clients without a
   * certificate may connect too, those with another one may not. Default `none`.
   */
  clientAuth?: KafkaClientAuth;
}

/** What may change while the listener runs. */
export type KafkaReload = Pick<KafkaOptions, 'tls' | 'users'>;

/** What `clientAuth` may be. */
export const KAFKA_CLIENT_AUTH = ['none', 'requested', 'required'] as const;

/** What the listener asks of the certificates of clients, as Kafka's `ssl.client.auth`. */
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

/** Allowed range of every number among the options. */
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
 * Fills in the defaults.
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
      `kafka.brokers: ${resolved.brokers} is not allowed; there are not that many ports after the first`,
    );
  }
  if (problems.length > 0) throw new InvalidConfigError(problems);
  return resolved;
}

/** One line for each change of TLS and users that a running listener cannot make. */
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
