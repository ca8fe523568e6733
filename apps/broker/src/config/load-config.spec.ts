import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toSnakeCase } from '@genrocks/storage/config';
import { describe, expect, it } from 'vitest';
import { configFiles } from './__fixtures__/config-files.js';
import { BrokerConfig } from './broker-config.js';
import { KafkaTlsConfig } from './kafka.config.js';
import { ENVIRONMENT } from './environment.js';
import { loadConfig } from './load-config.js';

const configs = configFiles();
const { load, problems } = configs;

function valueAt(config: BrokerConfig, path: string): unknown {
  return path.split('.').reduce<unknown>((group, key) => (group as Record<string, unknown>)?.[key], config);
}

/** A value each key accepts that is not its default, as text and as it is read. */
const VALUES: Record<string, [text: string, value: unknown]> = {
  'http.host': ['0.0.0.0', '0.0.0.0'],
  'http.port': ['0', 0],
  'http.maxBodyBytes': ['5MB', 5 * 1024 * 1024],
  'http.maxLineBytes': ['64KB', 65_536],
  'http.maxInflightBytes': ['8 MiB', 8 * 1024 * 1024],
  'http.maxConnections': ['9', 9],
  'http.headersTimeoutMs': ['1234', 1234],
  'http.bodyTimeoutMs': ['1234', 1234],
  'http.keepAliveTimeoutMs': ['1234', 1234],
  'http.maxWaitMs': ['1234', 1234],
  'http.maxReadBytes': ['2MB', 2 * 1024 * 1024],
  'http.heartbeatMs': ['1234', 1234],
  'http.shutdownTimeoutMs': ['1234', 1234],
  'kafka.enabled': ['false', false],
  'kafka.host': ['0.0.0.0', '0.0.0.0'],
  'kafka.port': ['9093', 9093],
  'kafka.advertisedHost': ['broker.example', 'broker.example'],
  'kafka.advertisedPort': ['9094', 9094],
  'kafka.brokers': ['3', 3],
  'kafka.initialRebalanceDelayMs': ['3000', 3000],
  'kafka.maxConnections': ['9', 9],
  'kafka.maxRequestBytes': ['2MB', 2 * 1024 * 1024],
  'kafka.maxInflightBytes': ['128MB', 128 * 1024 * 1024],
  'kafka.maxFetchBytes': ['2MB', 2 * 1024 * 1024],
  'kafka.transferTimeoutMs': ['1234', 1234],
  'kafka.idleTimeoutMs': ['1234', 1234],
  'kafka.minSessionTimeoutMs': ['1234', 1234],
  'kafka.maxSessionTimeoutMs': ['1234', 1234],
  'kafka.shutdownTimeoutMs': ['1234', 1234],
  'kafka.users': ['[{ name: a, password: b }]', [{ name: 'a', password: 'b' }]],
  'storage.adapter': ['ets', 'ets'],
  'storage.diskLog.logDir': ['./elsewhere', './elsewhere'],
  'storage.diskLog.logType': ['halt', 'halt'],
  'storage.diskLog.maxNoFiles': ['7', 7],
  'storage.diskLog.maxNoBytes': ['50MB', 50 * 1024 * 1024],
  'storage.diskLog.repair': ['truncate', 'truncate'],
  'storage.diskLog.format': ['internal', 'internal'],
  'storage.diskLog.sync': ['os', 'os'],
  'storage.diskLog.syncIntervalMs': ['25', 25],
  'storage.diskLog.overflow': ['reject', 'reject'],
  'storage.ets.maxBytes': ['512MB', 512 * 1024 * 1024],
  'storage.ets.allowInProduction': ['true', true],
  'limits.maxMessageBytes': ['2MB', 2 * 1024 * 1024],
  'limits.maxBatchBytes': ['2MB', 2 * 1024 * 1024],
  'limits.maxPendingBytes': ['2MB', 2 * 1024 * 1024],
  'limits.tailCacheBytes': ['0', 0],
  'limits.maxTopics': ['5', 5],
  'limits.maxPartitionsPerTopic': ['5', 5],
  'limits.maxGroups': ['5', 5],
  'limits.maxGroupMembers': ['5', 5],
  autoCreateTopics: ['false', false],
  defaultPartitions: ['3', 3],
  logLevel: ['debug', 'debug'],
};

describe('loadConfig', () => {
  it('runs on defaults where nothing is said', () => {
    const { config, file, warnings } = load();
    expect(file).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(config).toBeInstanceOf(BrokerConfig);
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 3000, maxBodyBytes: 10 * 1024 * 1024 });
    expect(config).toMatchObject({
      autoCreateTopics: true,
      defaultPartitions: 1,
      logLevel: 'log',
      topics: [],
    });
    expect(config.storage.adapter).toBe('disk_log');
    expect(config.kafka).toMatchObject({ enabled: true, host: '127.0.0.1', port: 9092 });
  });

  it('reads the whole of a file', () => {
    const { config, file } = load(`
      http: { host: 0.0.0.0, port: 8080, max_body_bytes: 50MB }
      storage:
        adapter: disk_log
        disk_log: { log_dir: ./data, log_type: halt, max_no_files: 4, max_no_bytes: 1MB, sync: os }
      topics:
        - { name: orders, partitions: 4 }
        - { name: metrics, partitions: 2, routing: round_robin, storage: { adapter: ets, max_bytes: 1MB } }
      auto_create_topics: false
    `);
    expect(file).toBe(join(configs.cwd, 'genrocks.yaml'));
    expect(config.http).toMatchObject({ host: '0.0.0.0', port: 8080, maxBodyBytes: 50 * 1024 * 1024 });
    expect(config.storage.diskLog).toMatchObject({
      logDir: './data',
      logType: 'halt',
      maxNoBytes: 1024 * 1024,
    });
    expect(config.topics.map(({ name, partitions }) => [name, partitions])).toEqual([
      ['orders', 4],
      ['metrics', 2],
    ]);
    expect(config.autoCreateTopics).toBe(false);
  });

  it.each(Object.entries(VALUES))(
    'takes %s from its environment variable, over the file',
    (path, [text, value]) => {
      const [first, ...rest] = path.split('.').map(toSnakeCase);
      const yaml = rest.length === 0 ? `${first}: ${defaultText(path)}` : '';
      const { config } = load(yaml, { [ENVIRONMENT[path]!]: text });
      expect(valueAt(config, path)).toEqual(value);
    },
  );

  it('has a variable for every key', () => {
    const { config } = load('storage: { disk_log: {} }', {});
    const paths = ['http', 'kafka', 'limits'].flatMap((group) =>
      Object.keys(config[group as 'http']).map((key) => `${group}.${key}`),
    );
    const ofTls = Object.keys(new KafkaTlsConfig()).map((key) => `kafka.tls.${key}`);
    for (const path of [...paths.filter((path) => path !== 'kafka.tls'), ...ofTls]) {
      expect(ENVIRONMENT, path).toHaveProperty([path]);
    }
    for (const key of ['autoCreateTopics', 'defaultPartitions', 'logLevel', 'topics']) {
      expect(ENVIRONMENT).toHaveProperty([key]);
    }
  });

  it('takes topics from the environment as YAML or JSON', () => {
    const { config } = load('topics: [{ name: a }]', {
      GENROCKS_TOPICS: '[{"name":"orders","partitions":4}]',
    });
    expect(config.topics).toMatchObject([{ name: 'orders', partitions: 4 }]);
    expect(problems(undefined, { GENROCKS_TOPICS: 'orders' })).toHaveLength(1);
    expect(problems(undefined, { GENROCKS_TOPICS: '[{' })).toEqual([
      expect.stringMatching(/^GENROCKS_TOPICS:1:3: not valid YAML: .*end with a }$/),
      expect.stringMatching(/^GENROCKS_TOPICS:1:3: not valid YAML: .*end with a ]$/),
    ]);
    const bomb = `[&a [x], ${'*a, '.repeat(200)}]`;
    expect(problems(undefined, { GENROCKS_TOPICS: bomb })).toEqual([
      expect.stringMatching(/^GENROCKS_TOPICS: not usable YAML: /),
    ]);
  });

  it('names the variable a wrong value came from', () => {
    expect(problems(undefined, { GENROCKS_HTTP_PORT: 'abc', GENROCKS_MAX_NO_FILES: '-3' })).toEqual([
      'GENROCKS_HTTP_PORT: "abc" is not allowed; a whole number from 0 to 65535',
      expect.stringMatching(/^GENROCKS_MAX_NO_FILES: "-3" is not allowed; a whole number from 1 to \d+$/),
    ]);
  });

  it('tells every mistake at once, one line each', () => {
    const found = problems(`
      http: { port: 70000, hots: x, max_body_bytes: huge }
      storage: { adapter: disk, disk_log: { log_dirr: x, log_type: round } }
      topics: [{ name: ../x }, { name: ok, partitions: 0 }, { name: ok }, { partitions: 2 }, orders]
      auto_create_topics: perhaps
      colour: red
    `);
    const expected = [
      'colour: unknown option; allowed are http, kafka, storage, limits, topics, auto_create_topics, default_partitions, log_level',
      'http.hots: unknown option; did you mean host?',
      'http.port: 70000 is not allowed; a whole number from 0 to 65535',
      'http.max_body_bytes: "huge" is not allowed; a size in bytes or with a unit, such as 10MB, from 1KB to 1GB',
      'storage.adapter: "disk" is not allowed; one of disk_log, ets, rocksdb',
      'storage.disk_log.log_dirr: unknown option; did you mean log_dir?',
      'topics[0].name: "../x" is not allowed; "." and ".." are not names',
      'topics[1].partitions: 0 is not allowed; a whole number from 1 to 10000',
      'topics[2].name: "ok" is not allowed; topics[1] already has this name',
      'topics[3].name: missing; it must be a string',
      'topics[4]: "orders" is not allowed; a group of options',
      'auto_create_topics: "perhaps" is not allowed; true or false',
    ];
    for (const line of expected) expect(found).toContain(line);
    expect(
      found.filter((line) => line.startsWith('storage.disk_log.log_type: "round" is not allowed;')),
    ).toHaveLength(1);
    expect(found).toHaveLength(expected.length + 1);
  });

  it('refuses names that are reserved', () => {
    expect(problems('topics: [{ name: __genrocks }]')).toEqual([
      'topics[0].name: "__genrocks" is not allowed; names that start with "__" are reserved',
    ]);
  });

  it.each(['*hush', '!hush x', '"hush\\q"', '@hush'])(
    'refuses a password that reads %s, and tells none',
    (password) => {
      const users = `[{ name: ada, password: ${password} }]`;
      const found = [
        ...problems(`kafka: { users: ${users} }`),
        ...problems(undefined, { GENROCKS_KAFKA_USERS: users }),
      ];
      expect(found).toHaveLength(2);
      expect(found.join()).not.toContain('hush');
    },
  );

  it('says what is wrong with a file', () => {
    const aliases = ['a: &a [x, x, x, x, x, x, x, x, x, x]', ...'bcdefg'].map((name, i) => {
      const before = String.fromCharCode(96 + i);
      return i === 0 ? name : `${name}: &${name} [${Array<string>(10).fill(`*${before}`).join(', ')}]`;
    });
    expect(problems(aliases.join('\n'))[0]).toMatch(/genrocks\.yaml: not usable YAML: /);
    expect(problems('http: { port: 1')[0]).toMatch(/genrocks\.yaml:\d+:\d+: not valid YAML: /);
    expect(problems('http: {}\nhttp: {}')[0]).toMatch(/yaml:2:1: not valid YAML: Map keys must be unique$/);
    expect(problems('http: {}\n---\nhttp: {}')[0]).toMatch(/several documents; remove the lines "---"$/);
    expect(problems('- a\n- b')[0]).toMatch(/must hold a group of options/);
    expect(problems('just text')[0]).toMatch(/must hold a group of options/);
    expect(problems('')).toEqual([]);
    expect(problems('http: 7')).toEqual(['http: 7 is not allowed; a group of options']);
    expect(problems(undefined, { GENROCKS_CONFIG: 'missing.yaml' })[0]).toMatch(
      /missing\.yaml cannot be read: the file does not exist/,
    );
    expect(problems(undefined, { GENROCKS_CONFIG: '.' })[0]).toMatch(/cannot be read/);
  });

  it('prefers the file asked for, then GENROCKS_CONFIG, then genrocks.yaml', () => {
    for (const [name, port] of Object.entries({ 'genrocks.yaml': 1, 'env.yaml': 2, 'asked.yaml': 3 })) {
      writeFileSync(join(configs.cwd, name), `http: { port: ${port} }`);
    }
    const env = { GENROCKS_CONFIG: 'env.yaml' };
    expect(loadConfig({ cwd: configs.cwd, env: {} }).config.http.port).toBe(1);
    expect(loadConfig({ cwd: configs.cwd, env }).config.http.port).toBe(2);
    expect(loadConfig({ cwd: configs.cwd, env, file: 'asked.yaml' }).config.http.port).toBe(3);
  });

  it('warns of variables that are most likely misspelt', () => {
    expect(load(undefined, { GENROCKS_LOGDIR: 'x', GENROCKS_SERVICE_HOST: '10.0.0.1' }).warnings).toEqual([
      'environment variable GENROCKS_LOGDIR is unknown; did you mean GENROCKS_LOG_DIR?',
    ]);
  });

  it('leaves out what Kubernetes sets for Services named genrocks and genrocks-kafka', () => {
    const { config, warnings } = load(undefined, {
      GENROCKS_PORT: 'tcp://10.0.0.7:3000',
      GENROCKS_SERVICE_PORT_HTTP: '3000',
      GENROCKS_PORT_3000_TCP_ADDR: '10.0.0.7',
      GENROCKS_KAFKA_SERVICE_HOST: '10.0.0.8',
      GENROCKS_KAFKA_PORT: 'tcp://10.0.0.8:9092',
      GENROCKS_KAFKA_PORT_9092_TCP_PORT: '9092',
    });
    expect(config.kafka.port).toBe(9092);
    expect(warnings).toEqual([
      expect.stringContaining('GENROCKS_KAFKA_PORT is ignored: Kubernetes sets "tcp://10.0.0.8:9092"'),
    ]);
    expect(problems(undefined, { GENROCKS_KAFKA_PORT: 'tcp' })).toHaveLength(1);
  });
});

function defaultText(path: string): string {
  return path === 'autoCreateTopics' ? 'true' : path === 'logLevel' ? 'log' : '1';
}
