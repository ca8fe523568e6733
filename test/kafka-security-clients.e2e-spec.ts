import { execFile, spawnSync } from 'node:child_process';
import { inspect, promisify } from 'node:util';
import { Admin, type SASLMechanismValue } from '@platformatic/kafka';
import type { KafkaOptions } from '@genrocks/kafka';
import { afterEach, describe, expect, it } from 'vitest';
import { type Certificate, hasOpenssl, makeCertificate } from './certificates.js';
import { type RunningKafka, startKafka } from './kafka-harness.js';
import { hasNodeRdkafka, RdkafkaClient, whyNotNodeRdkafka } from './node-rdkafka.js';

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const PASSWORD = 'wonder,land=1 ü';
const hasKcat = spawnSync('kcat', ['-V']).error === undefined;

interface Login {
  readonly mechanism: SASLMechanismValue;
  readonly password: string;
  /** TLS, where the broker shows this certificate. */
  readonly tls?: Certificate | undefined;
  /** The client shows this one. */
  readonly shown?: Certificate | undefined;
  /** It is no good: a client that tries again and again need not do so for long. */
  readonly isRefused?: boolean;
}

/** Lists the topics as alice, or throws what the client says. */
type ListTopics = (bootstrap: string, login: Login) => Promise<readonly string[]>;

const platformatic: ListTopics = async (bootstrap, { mechanism, password, tls, shown }) => {
  const admin = new Admin({
    clientId: 'test',
    bootstrapBrokers: [bootstrap],
    retries: 0,
    sasl: { mechanism, username: 'alice', password },
    ...(tls !== undefined && { tls: { ca: tls.cert, ...shown } }),
  });
  try {
    return await admin.listTopics();
  } catch (error) {
    throw new Error(inspect(error, { depth: 9 }), { cause: error });
  } finally {
    await admin.close();
  }
};

/** As librdkafka's clients are told. */
function settings({ mechanism, password, tls, shown }: Login): Record<string, string> {
  return {
    'security.protocol': tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL',
    'sasl.mechanism': mechanism,
    'sasl.username': 'alice',
    'sasl.password': password,
    ...(tls !== undefined && { 'ssl.ca.pem': tls.cert.toString() }),
    ...(shown !== undefined && {
      'ssl.certificate.pem': shown.cert.toString(),
      'ssl.key.pem': shown.key.toString(),
    }),
  };
}

const kcat: ListTopics = async (bootstrap, login) => {
  const options = Object.entries(settings(login)).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const listing = promisify(execFile)('kcat', ['-b', bootstrap, '-L', '-J', '-m', '30', ...options]);
  // It would try again until the time is over.
  let told = '';
  listing.child.stderr!.on('data', (text: string) => {
    if ((told += text).includes('|FAIL|')) listing.child.kill('SIGKILL');
  });
  const { stdout } = await listing;
  return (JSON.parse(stdout) as { topics: { topic: string }[] }).topics.map(({ topic }) => topic);
};

const nodeRdkafka: ListTopics = async (bootstrap, login) => {
  const conf = settings(login);
  const patienceMs = login.isRefused ? 4_000 : 30_000;
  const told = await new RdkafkaClient('describe', { bootstrap, conf, topics: ['t'], patienceMs }).ended();
  return told.filter(({ partitions }) => partitions === 1).map(({ topic }) => String(topic));
};

describe.each([
  { name: '@platformatic/kafka', listTopics: platformatic, isThere: true, refusal: /authentication failed/i },
  { name: 'kcat', listTopics: kcat, isThere: hasKcat, refusal: /authentication failed/i },
  {
    name: `node-rdkafka${whyNotNodeRdkafka}`,
    listTopics: nodeRdkafka,
    isThere: hasNodeRdkafka,
    // It keeps librdkafka's reason to itself until it is connected.
    refusal: /transport failure/i,
  },
])('$name', ({ listTopics, isThere, refusal }) => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  const start = async (kafka: KafkaOptions = {}) => {
    const users = { alice: PASSWORD };
    running = await startKafka({ kafka: { users, ...kafka }, topics: { topics: [{ name: 't' }] } });
  };

  it.runIf(isThere).each(MECHANISMS)(
    'is let in by %s with the password, and not without',
    async (mechanism) => {
      await start();
      expect(await listTopics(running.bootstrap, { mechanism, password: PASSWORD })).toEqual(['t']);
      await expect(
        listTopics(running.bootstrap, { mechanism, password: 'wrong', isRefused: true }),
      ).rejects.toThrow(refusal);
    },
  );

  it.runIf(isThere && hasOpenssl)('is let in over TLS', async () => {
    const tls = makeCertificate();
    await start({ tls });
    for (const mechanism of MECHANISMS) {
      expect(await listTopics(running.bootstrap, { mechanism, password: PASSWORD, tls })).toEqual(['t']);
    }
    const wrong = { mechanism: 'SCRAM-SHA-512', password: 'wrong', tls, isRefused: true } as const;
    await expect(listTopics(running.bootstrap, wrong)).rejects.toThrow(refusal);
  });

  it.runIf(isThere && hasOpenssl)('shows a certificate where it has to', async () => {
    const tls = makeCertificate();
    await start({ tls: { ...tls, ca: tls.cert, clientAuth: 'required' } });
    const login = { mechanism: 'PLAIN', password: PASSWORD, tls } as const;
    expect(await listTopics(running.bootstrap, { ...login, shown: tls })).toEqual(['t']);
    // @platformatic/kafka throws such an error again where nobody can catch it.
    if (listTopics === platformatic) return;
    await expect(listTopics(running.bootstrap, { ...login, isRefused: true })).rejects.toThrow();
  });
});
