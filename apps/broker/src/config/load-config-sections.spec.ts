import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configFiles } from './__fixtures__/config-files.js';
import { toKafkaTls, toKafkaUsers } from './kafka-security.js';

const configs = configFiles();
const { load, problems } = configs;

describe('the sections of a configuration', () => {
  it('checks the storage of a topic against its adapter', () => {
    const found = problems(`
      topics:
        - { name: a, storage: { adapter: ets, log_type: wrap } }
        - { name: b, storage: { adapter: floppy } }
        - { name: c, storage: { max_no_files: none } }
        - { name: d, storage: 7 }
        - { name: e, storage: { log_dir: /elsewhere } }
    `);
    expect(found).toHaveLength(5);
    expect(found[0]).toMatch(/^topics\[0\]\.storage\.log_type: unknown option/);
    expect(found[1]).toBe(
      'topics[1].storage.adapter: "floppy" is not allowed; one of disk_log, ets, rocksdb',
    );
    expect(found[2]).toMatch(/^topics\[2\]\.storage\.max_no_files: "none" is not allowed/);
    expect(found[3]).toBe('topics[3].storage: 7 is not allowed; a group of options');
    expect(found[4]).toMatch(/^topics\[4\]\.storage\.log_dir: unknown option/);
  });

  it('checks the Kafka listener', () => {
    expect(problems('kafka: { enabled: true, port: 0, advertised_host: broker.example }')).toEqual([]);
    expect(problems(undefined, { GENROCKS_KAFKA_ENABLED: 'maybe' })[0]).toMatch(
      /^GENROCKS_KAFKA_ENABLED: "maybe"/,
    );
    expect(problems('kafka: { port: 70000 }')[0]).toMatch(/^kafka.port: 70000/);
    expect(problems('kafka: { max_request_bytes: 64MB, max_inflight_bytes: 1MB }')).toEqual([
      'kafka.max_inflight_bytes: 1048576 is not allowed; at least max_request_bytes (67108864)',
    ]);
    expect(problems('kafka: { min_session_timeout_ms: 10, max_session_timeout_ms: 9 }')).toEqual([
      'kafka.max_session_timeout_ms: 9 is not allowed; at least min_session_timeout_ms (10)',
    ]);
    expect(problems('kafka: { initial_rebalance_delay_ms: -1 }')[0]).toMatch(
      /^kafka.initial_rebalance_delay_ms: -1/,
    );
  });

  it('checks the users of the Kafka listener, and never tells a password', () => {
    const users = (text: string) => problems(`kafka: { users: ${text} }`);
    const credential = `SCRAM-SHA-256$4096:c2FsdA==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;
    expect(
      users(
        `[{ name: a, password_env: A, rights: [{ topics: ['*'], groups: [g], allow: [read, write] }] },
          { name: b, scram: '${credential}' }, { name: c, password: x, rights: [] }]`,
      ),
    ).toEqual([]);
    const wrong = [
      '[{ name: a }]',
      '[{ name: a, password: hidden, scram: hidden }]',
      '[{ name: a, password: hidden, password_env: B }]',
      '[{ name: a, pasword: hidden }]',
      '[{ name: a, scram: hidden }]',
      '[{ name: a, password: hidden }, { name: a, password: hidden }]',
      '[{ name: a, password: hidden, rights: [{ topics: ["*"], allow: [fly] }] }]',
      '[{ name: a, password: hidden, rights: [{ allow: [read] }] }]',
      '[{ name: a, password: hidden, rights: [{ topic: x, allow: [read] }] }]',
      '{ a: hidden }',
      'hidden',
      '[hidden]',
      '[]',
    ];
    for (const text of wrong) {
      const found = users(text);
      expect(found, text).not.toEqual([]);
      expect(found.join('\n'), text).not.toContain('hidden');
      expect(
        found.every((line) => line.startsWith('kafka.users')),
        text,
      ).toBe(true);
    }
    expect(problems(undefined, { GENROCKS_KAFKA_USERS: 'hidden' }).join()).not.toContain('hidden');
    expect(problems('kafka: { tls: { key: k } }')).toEqual([
      'kafka.tls.cert: missing; text that is not empty',
    ]);
    expect(problems('kafka: { tls: { key: k, cert: c, client_auth: maybe } }')[0]).toMatch(
      /^kafka.tls.client_auth: "maybe"/,
    );
    expect(problems('kafka: { tls: { key: k, cert: c, ca: a, client_auth: requested } }')).toEqual([]);
  });

  it('reads passwords and certificates where the listener is made, and says what is not there', () => {
    const users = [
      { name: 'a', password_env: 'A_PASSWORD', rights: [] },
      { name: 'b', password: 'x' },
    ];
    expect(toKafkaUsers(users, { A_PASSWORD: 'y' })).toEqual([
      { name: 'a', password: 'y', rights: [] },
      { name: 'b', password: 'x' },
    ]);
    expect(() => toKafkaUsers(users, {})).toThrowError(/users\[0\].password_env: .* A_PASSWORD is not set/);
    const missing = {
      key: join(configs.cwd, 'key.pem'),
      cert: join(configs.cwd, 'cert.pem'),
      clientAuth: 'none' as const,
    };
    expect(() => toKafkaTls(missing)).toThrowError(/kafka.tls.key: .* cannot be read[^]*kafka.tls.cert/);
  });

  it('plugs in the disk log and RocksDB only where something uses them', () => {
    const { diskLog, rocksdb } = load('storage: { adapter: ets }').config.storage;
    expect([diskLog, rocksdb]).toEqual([undefined, undefined]);
    const using = (adapter: string) =>
      load(`storage: { adapter: ets }\ntopics: [{ name: a, storage: { adapter: ${adapter} } }]`).config
        .storage;
    expect(using('disk_log').diskLog).toBeDefined();
    expect(using('rocksdb').rocksdb).toBeDefined();
    expect(load('storage: { adapter: rocksdb }').config.storage.rocksdb).toBeDefined();
  });

  it('reads the options of RocksDB from the file and the environment', () => {
    const yaml = 'storage: { adapter: rocksdb, rocksdb: { path: ./here, write_buffer_size: 1MB } }';
    const { rocksdb } = load(yaml, { GENROCKS_ROCKSDB_SYNC: 'os' }).config.storage;
    expect(rocksdb).toMatchObject({ path: './here', writeBufferSize: 1024 * 1024, sync: 'os' });
    expect(problems('storage: { rocksdb: { write_bufer_size: 1 } }')).toEqual([
      'storage.rocksdb.write_bufer_size: unknown option; did you mean write_buffer_size?',
    ]);
    const topic = 'topics: [{ name: a, storage: { adapter: rocksdb, path: /elsewhere } }]';
    expect(problems(topic)[0]).toMatch(/^topics\[0\]\.storage\.path: unknown option/);
  });
});
