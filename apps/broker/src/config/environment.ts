import { didYouMean, readEnv, toSnakeCase } from '@genrocks/storage/config';
import { parseYaml } from './yaml.js';

/** The environment variable of every key, by the key's dotted path in camelCase. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  'http.host': 'GENROCKS_HTTP_HOST',
  'http.port': 'GENROCKS_HTTP_PORT',
  'http.maxBodyBytes': 'GENROCKS_HTTP_MAX_BODY_BYTES',
  'http.maxLineBytes': 'GENROCKS_HTTP_MAX_LINE_BYTES',
  'http.maxInflightBytes': 'GENROCKS_HTTP_MAX_INFLIGHT_BYTES',
  'http.maxConnections': 'GENROCKS_HTTP_MAX_CONNECTIONS',
  'http.headersTimeoutMs': 'GENROCKS_HTTP_HEADERS_TIMEOUT_MS',
  'http.bodyTimeoutMs': 'GENROCKS_HTTP_BODY_TIMEOUT_MS',
  'http.keepAliveTimeoutMs': 'GENROCKS_HTTP_KEEP_ALIVE_TIMEOUT_MS',
  'http.maxWaitMs': 'GENROCKS_HTTP_MAX_WAIT_MS',
  'http.maxReadBytes': 'GENROCKS_HTTP_MAX_READ_BYTES',
  'http.heartbeatMs': 'GENROCKS_HTTP_HEARTBEAT_MS',
  'http.shutdownTimeoutMs': 'GENROCKS_HTTP_SHUTDOWN_TIMEOUT_MS',
  'kafka.enabled': 'GENROCKS_KAFKA_ENABLED',
  'kafka.host': 'GENROCKS_KAFKA_HOST',
  'kafka.port': 'GENROCKS_KAFKA_PORT',
  'kafka.advertisedHost': 'GENROCKS_KAFKA_ADVERTISED_HOST',
  'kafka.advertisedPort': 'GENROCKS_KAFKA_ADVERTISED_PORT',
  'kafka.brokers': 'GENROCKS_KAFKA_BROKERS',
  'kafka.initialRebalanceDelayMs': 'GENROCKS_KAFKA_INITIAL_REBALANCE_DELAY_MS',
  'kafka.maxConnections': 'GENROCKS_KAFKA_MAX_CONNECTIONS',
  'kafka.maxRequestBytes': 'GENROCKS_KAFKA_MAX_REQUEST_BYTES',
  'kafka.maxInflightBytes': 'GENROCKS_KAFKA_MAX_INFLIGHT_BYTES',
  'kafka.maxFetchBytes': 'GENROCKS_KAFKA_MAX_FETCH_BYTES',
  'kafka.transferTimeoutMs': 'GENROCKS_KAFKA_TRANSFER_TIMEOUT_MS',
  'kafka.idleTimeoutMs': 'GENROCKS_KAFKA_IDLE_TIMEOUT_MS',
  'kafka.minSessionTimeoutMs': 'GENROCKS_KAFKA_MIN_SESSION_TIMEOUT_MS',
  'kafka.maxSessionTimeoutMs': 'GENROCKS_KAFKA_MAX_SESSION_TIMEOUT_MS',
  'kafka.shutdownTimeoutMs': 'GENROCKS_KAFKA_SHUTDOWN_TIMEOUT_MS',
  'kafka.tls.key': 'GENROCKS_KAFKA_TLS_KEY',
  'kafka.tls.cert': 'GENROCKS_KAFKA_TLS_CERT',
  'kafka.tls.ca': 'GENROCKS_KAFKA_TLS_CA',
  'kafka.tls.passphrase': 'GENROCKS_KAFKA_TLS_PASSPHRASE',
  'kafka.tls.clientAuth': 'GENROCKS_KAFKA_TLS_CLIENT_AUTH',
  'kafka.users': 'GENROCKS_KAFKA_USERS',
  'storage.adapter': 'GENROCKS_STORAGE',
  'storage.diskLog.logDir': 'GENROCKS_LOG_DIR',
  'storage.diskLog.logType': 'GENROCKS_LOG_TYPE',
  'storage.diskLog.maxNoFiles': 'GENROCKS_MAX_NO_FILES',
  'storage.diskLog.maxNoBytes': 'GENROCKS_MAX_NO_BYTES',
  'storage.diskLog.repair': 'GENROCKS_REPAIR',
  'storage.diskLog.format': 'GENROCKS_FORMAT',
  'storage.diskLog.sync': 'GENROCKS_SYNC',
  'storage.diskLog.syncIntervalMs': 'GENROCKS_SYNC_INTERVAL_MS',
  'storage.diskLog.overflow': 'GENROCKS_OVERFLOW',
  'storage.rocksdb.path': 'GENROCKS_ROCKSDB_PATH',
  'storage.rocksdb.createIfMissing': 'GENROCKS_ROCKSDB_CREATE_IF_MISSING',
  'storage.rocksdb.writeBufferSize': 'GENROCKS_ROCKSDB_WRITE_BUFFER_SIZE',
  'storage.rocksdb.maxWriteBufferNumber': 'GENROCKS_ROCKSDB_MAX_WRITE_BUFFER_NUMBER',
  'storage.rocksdb.compression': 'GENROCKS_ROCKSDB_COMPRESSION',
  'storage.rocksdb.maxOpenFiles': 'GENROCKS_ROCKSDB_MAX_OPEN_FILES',
  'storage.rocksdb.recovery': 'GENROCKS_ROCKSDB_RECOVERY',
  'storage.rocksdb.sync': 'GENROCKS_ROCKSDB_SYNC',
  'storage.ets.maxBytes': 'GENROCKS_ETS_MAX_BYTES',
  'storage.ets.allowInProduction': 'GENROCKS_ETS_ALLOW_IN_PRODUCTION',
  'limits.maxMessageBytes': 'GENROCKS_MAX_MESSAGE_BYTES',
  'limits.maxBatchBytes': 'GENROCKS_MAX_BATCH_BYTES',
  'limits.maxPendingBytes': 'GENROCKS_MAX_PENDING_BYTES',
  'limits.tailCacheBytes': 'GENROCKS_TAIL_CACHE_BYTES',
  'limits.maxTopics': 'GENROCKS_MAX_TOPICS',
  'limits.maxPartitionsPerTopic': 'GENROCKS_MAX_PARTITIONS_PER_TOPIC',
  'limits.maxGroups': 'GENROCKS_MAX_GROUPS',
  'limits.maxGroupMembers': 'GENROCKS_MAX_GROUP_MEMBERS',
  topics: 'GENROCKS_TOPICS',
  autoCreateTopics: 'GENROCKS_AUTO_CREATE_TOPICS',
  defaultPartitions: 'GENROCKS_DEFAULT_PARTITIONS',
  logLevel: 'GENROCKS_LOG_LEVEL',
};

/** Keys whose variable holds a YAML list. */
const LISTS = new Set(['topics', 'kafka.users']);

/**
 * Variables that Kubernetes and Docker set in a container for each service next to it, such as `GENROCKS_KAFKA_PORT` for a
 * Service named genrocks-kafka.
 */
const SERVICE_LINK_NAME = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$/;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\/\S+:\d+$/;

/** Known variables that do not set a key. */
const OTHER_VARIABLES = ['GENROCKS_CONFIG', 'GENROCKS_URL', 'GENROCKS_TOKEN'];

export type Environment = Readonly<Record<string, string | undefined>>;

/** A tree of options with the keys of YAML, in snake_case. */
export type OptionTree = Record<string, unknown>;

/**
 * Overrides the options of a file with the environment. Returns the variable of each overridden key, by the key's path in
 * camelCase, for messages. If the file has something else in place of a group, it is kept, so that the mistake is
 * reported.
 * @throws {InvalidConfigError} `INVALID_CONFIG` for a list that is not valid YAML
 */
export function overrideFromEnvironment(tree: OptionTree, env: Environment): Record<string, string> {
  const { values, names } = readEnv(ENVIRONMENT, env);
  for (const [path, text] of Object.entries(values)) {
    setPath(
      tree,
      path.split('.').map(toSnakeCase),
      // A YAML list, which includes JSON. Validation refuses anything else.
      LISTS.has(path) ? parseYaml(ENVIRONMENT[path]!, text) : text,
    );
  }
  return names;
}

/** Removes service variables from the environment, with a warning for each that has the name of a key. */
export function withoutServiceLinks(env: Environment): { env: Environment; warnings: string[] } {
  const known = Object.values(ENVIRONMENT);
  const links = Object.entries(env).filter(
    ([name, value]) => name.startsWith('GENROCKS_') && isServiceLink(name, value),
  );
  const names = links.map(([name]) => name);
  return {
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name))),
    warnings: links
      .filter(([name]) => known.includes(name))
      .map(
        ([name, value]) =>
          `environment variable ${name} is ignored: Kubernetes sets "${value}" for a Service of that name; ` +
          'set enableServiceLinks: false for the pod, or rename the Service',
      ),
  };
}

function isServiceLink(name: string, value = ''): boolean {
  return SERVICE_LINK_NAME.test(name) || (name.endsWith('_PORT') && SERVICE_LINK_VALUE.test(value));
}

/** Warnings about unknown `GENROCKS_` variables that resemble a known one: they are most likely misspelt. */
export function misspeltVariables(env: Environment): string[] {
  const known = [...Object.values(ENVIRONMENT), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith('GENROCKS_') && !known.includes(name))
    .flatMap((name) => {
      const meant = didYouMean(name, known);
      return meant === undefined ? [] : [`environment variable ${name} is unknown; did you mean ${meant}?`];
    });
}

function setPath(tree: OptionTree, keys: readonly string[], value: unknown): void {
  let group: OptionTree = tree;
  for (const key of keys.slice(0, -1)) {
    group[key] ??= {};
    if (typeof group[key] !== 'object' || Array.isArray(group[key])) return;
    group = group[key] as OptionTree;
  }
  group[keys.at(-1)!] = value;
}
