import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectPlainly } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Certificate, hasOpenssl, makeCertificate } from './certificates.js';
import { BUILT, Genrocks } from './genrocks-process.js';
import { CONNECTION_TIMEOUT_MS } from './kafka-harness.js';

const CONFIG = 'genrocks.yaml';
const REFUSED = /"level":"error".*changes nothing.*\n/;

/** What the broker shows to who connects now. */
function shownCertificate(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().raw);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** Connects without TLS; resolves when the broker has closed. */
async function speakPlainly(port: number): Promise<void> {
  const socket = connectPlainly({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.resume().end('no TLS at all\n');
  await once(socket, 'close');
}

const der = ({ cert }: Certificate) =>
  Buffer.from(cert.toString().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');

describe.skipIf(!BUILT || !hasOpenssl || process.platform === 'win32')('SIGHUP', () => {
  let cwd: string;
  let broker: Genrocks | undefined;
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'genrocks-reload-'));
  });
  afterEach(async () => {
    broker?.child.kill('SIGKILL');
    await broker?.exit;
    await rm(cwd, { recursive: true, force: true });
  });

  const put = async ({ key, cert }: Certificate) => {
    await writeFile(join(cwd, 'key.pem'), key);
    await writeFile(join(cwd, 'cert.pem'), cert);
  };
  const configure = (users: object[], more: object = {}) => {
    const kafka = { port: 0, tls: { key: 'key.pem', cert: 'cert.pem' }, users };
    return writeFile(join(cwd, CONFIG), JSON.stringify({ http: { port: 0 }, kafka, ...more }));
  };
  /** Sends the signal, and waits for what comes of it. */
  const hangUp = async (running: Genrocks, line: RegExp, on: 'out' | 'err') => {
    running[on] = '';
    running.child.kill('SIGHUP');
    return (await running.says(line, on))[0];
  };

  it('puts certificate and users in place, or leaves everything as it was', async () => {
    const [first, second] = [makeCertificate(), makeCertificate()];
    await put(first);
    await configure([{ name: 'ada', password: 'old' }]);
    broker = Genrocks.run(['serve'], cwd, {
      GENROCKS_STORAGE: 'ets',
      GENROCKS_ETS_ALLOW_IN_PRODUCTION: 'true',
    });
    const port = Number((await broker.says(/"listens on 127\.0\.0\.1:(\d+)/))[1]);
    const http = broker.port();
    await http;
    const client = (password: string, { cert }: Certificate) =>
      new Kafka({
        brokers: [`127.0.0.1:${port}`],
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        ssl: { ca: [cert] },
        sasl: { mechanism: 'scram-sha-256', username: 'ada', password },
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      }).admin();
    const before = client('old', first);
    await before.connect();

    // The key of one certificate beside another one.
    await writeFile(join(cwd, 'cert.pem'), second.cert);
    await configure([{ name: 'ada', password: 'new' }]);
    expect(await hangUp(broker, REFUSED, 'err')).toContain('kafka.tls');
    expect(await shownCertificate(port)).toEqual(der(first));
    await expect(client('new', first).connect()).rejects.toThrow();

    await writeFile(join(cwd, CONFIG), 'kafka: { users: none of them }');
    expect(await hangUp(broker, REFUSED, 'err')).toContain('kafka.users');
    const still = client('old', first);
    await still.connect();
    await still.disconnect();

    await put(second);
    await configure([{ name: 'ada', password: 'new' }], { default_partitions: 3, http: { port: 1 } });
    const lines = await hangUp(broker, /reloaded: kafka\.tls, kafka\.users[^]*after a restart.*\n/, 'out');
    expect(lines).toContain('http.port, default_partitions');
    expect(await shownCertificate(port)).toEqual(der(second));
    await expect(client('old', second).connect()).rejects.toThrow();
    const after = client('new', second);
    await after.connect();
    // Who was connected goes on.
    for (const admin of [before, after]) {
      expect(await admin.listTopics()).toEqual([]);
      await admin.disconnect();
    }
    await speakPlainly(port);
    const metrics = await (await fetch(`http://127.0.0.1:${await http}/metrics`)).text();
    const value = (series: string) => Number(new RegExp(`^${series} (\\S+)$`, 'm').exec(metrics)?.[1]);
    expect(value('genrocks_kafka_authentication_failures_total')).toBe(2);
    expect(value('genrocks_kafka_connections_refused_total\\{reason="tls"\\}')).toBe(1);
    expect(value('genrocks_kafka_connections_refused_total\\{reason="limit"\\}')).toBe(0);
    const expiry = Date.parse(new X509Certificate(second.cert).validTo) / 1000;
    expect(value('genrocks_kafka_tls_certificate_expiry_timestamp_seconds')).toBe(expiry);
    broker.child.kill('SIGTERM');
    expect(await broker.exit).toBe(0);
  });

  it('during the start waits for its end', async () => {
    await writeFile(join(cwd, CONFIG), JSON.stringify({ http: { port: 0 }, kafka: { enabled: false } }));
    broker = Genrocks.run(['serve'], cwd);
    await broker.says(/./);
    broker.child.kill('SIGHUP');
    await broker.says(/reloaded: nothing/);
    await broker.port();
  });
});
