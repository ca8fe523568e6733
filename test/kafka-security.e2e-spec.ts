import { afterEach, describe, expect, it } from 'vitest';
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import { type KafkaOptions, scramCredential } from '@genrocks/kafka';
import { hasOpenssl, makeCertificate } from './certificates.js';
import { CONNECTION_TIMEOUT_MS, type RunningKafka, startKafka } from './kafka-harness.js';

const users = { alice: 'wonder,land=1', bob: 'builder' };
const alice = { username: 'alice', password: users.alice };

describe('security', () => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  const start = async (kafka: KafkaOptions) =>
    (running = await startKafka({ kafka, topics: { topics: [{ name: 't' }] } }));

  async function listTopics(config: Partial<KafkaConfig>): Promise<string[]> {
    const kafka = new Kafka({
      brokers: [running.bootstrap],
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
      ...config,
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  }

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'lets users in by %s, and nobody else',
    async (mechanism) => {
      await start({ users });
      const login = (username: string, password: string) =>
        listTopics({ sasl: { mechanism, username, password } as SASLOptions });
      expect(await login('alice', users.alice)).toEqual(['t']);
      expect(await login('bob', users.bob)).toEqual(['t']);
      const failures = await Promise.all(
        [login('alice', 'wrong'), login('mallory', 'wrong'), login('mallory', '')].map((attempt) =>
          attempt.then(
            () => 'in',
            (error: Error) => error.message,
          ),
        ),
      );
      expect(new Set(failures).size).toBe(1);
      expect(failures[0]).toMatch(/authentication failed/i);
    },
  );

  it.each(['plain', 'scram-sha-256'] as const)(
    'knows a user by a stored credential, by %s',
    async (mechanism) => {
      const scram = await scramCredential(users.alice, { hash: 'sha256' });
      await start({ users: [{ name: 'alice', scram }] });
      expect(await listTopics({ sasl: { mechanism, ...alice } as SASLOptions })).toEqual(['t']);
      const wrong = { mechanism, username: 'alice', password: 'no' } as SASLOptions;
      await expect(listTopics({ sasl: wrong })).rejects.toThrow(/authentication failed/i);
    },
  );

  it('shows a user the topics of its rights', async () => {
    await start({
      users: [{ name: 'alice', password: users.alice, rights: [{ topics: ['x*'], allow: ['read'] }] }],
    });
    await running.topics.startTopic('x1');
    expect(await listTopics({ sasl: { mechanism: 'plain', ...alice } })).toEqual(['x1']);
  });

  it('tells a client without a password nothing but how to authenticate', async () => {
    await start({ users });
    await expect(listTopics({})).rejects.toThrow();
    await expect(
      listTopics({ sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: 'x' }) } }),
    ).rejects.toThrow(/mechanism/i);
    expect(await listTopics({ sasl: { mechanism: 'plain', ...alice } })).toEqual(['t']);
  });

  it.runIf(hasOpenssl)(
    'exchanges certificate and users, each by a reload of its own at the same time',
    async () => {
      const [before, after] = [makeCertificate(), makeCertificate()];
      await start({ users: { alice: 'old' }, tls: before });
      const { listener } = running;
      await Promise.all([
        listener.reload({ tls: after }),
        listener.reload({ users: { alice: users.alice } }),
      ]);
      const login = { sasl: { mechanism: 'plain', ...alice } as SASLOptions };
      expect(await listTopics({ ...login, ssl: { ca: [after.cert] } })).toEqual(['t']);
      await expect(listTopics({ ...login, ssl: { ca: [before.cert] } })).rejects.toThrow();
    },
  );

  it.runIf(hasOpenssl)('speaks TLS', async () => {
    const tls = makeCertificate();
    await start({ users, tls });
    const sasl = { mechanism: 'scram-sha-512', ...alice } as const;
    expect(await listTopics({ ssl: { ca: [tls.cert] }, sasl })).toEqual(['t']);
    await expect(listTopics({ ssl: true, sasl })).rejects.toThrow();
    await expect(listTopics({ sasl, connectionTimeout: 300 })).rejects.toThrow();
    expect(await listTopics({ ssl: { ca: [tls.cert] }, sasl })).toEqual(['t']);
  });

  it.runIf(hasOpenssl).each([
    ['none', { signed: true, none: true, other: true }],
    ['requested', { signed: true, none: true, other: false }],
    ['required', { signed: true, none: false, other: false }],
  ] as const)('lets clients in by their certificates, where it is %s', async (clientAuth, expected) => {
    const [tls, stranger] = [makeCertificate(), makeCertificate()];
    await start({ tls: { ...tls, ca: tls.cert, clientAuth } });
    const isLetIn = (certificate: object) =>
      listTopics({ ssl: { ca: [tls.cert], ...certificate } }).then(
        () => true,
        () => false,
      );
    const found = { signed: await isLetIn(tls), none: await isLetIn({}), other: await isLetIn(stranger) };
    expect(found).toEqual(expected);
  });
});
