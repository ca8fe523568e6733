// What librdkafka's tests want of the cluster they run against, where the plain one does not do.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificates } from './certificates.mjs';

/** In place of a Kafka distribution: some tests run its `kafka-topics.sh`. */
const KAFKA_PATH = fileURLToPath(new URL('./kafka', import.meta.url));
const USER = { name: 'tester', password: 'a secret' };

/**
 * @typedef {object} Setup
 * @property {string} [scenario] as the tests name it
 * @property {Record<string, string>} [broker] of the broker's environment
 * @property {Record<string, string>} [conf] of the tests' configuration
 * @property {Record<string, string>} [env] of the tests' environment
 */

/** @type {Record<string, (directory: string) => Setup>} */
const SETUPS = {
  plain: () => ({}),
  /** Those that want it without automatic topics also create some with three replicas. */
  noautocreate: () => ({
    scenario: 'noautocreate',
    broker: { GENROCKS_AUTO_CREATE_TOPICS: 'false', GENROCKS_KAFKA_BROKERS: '3' },
    env: { KAFKA_PATH },
  }),
  /** Members that start together meet in the first generation. */
  waiting: () => ({ broker: { GENROCKS_KAFKA_INITIAL_REBALANCE_DELAY_MS: '1000' } }),
  sasl: () => ({
    broker: { GENROCKS_KAFKA_USERS: JSON.stringify([USER]) },
    conf: {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'SCRAM-SHA-256',
      'sasl.username': USER.name,
      'sasl.password': USER.password,
    },
  }),
  tls: (directory) => {
    mkdirSync(directory, { recursive: true });
    const { broker, conf, env } = makeCertificates(directory);
    return {
      broker: { ...broker, GENROCKS_KAFKA_TLS_CLIENT_AUTH: 'requested' },
      conf: { ...conf, 'security.protocol': 'SSL' },
      env: { ...env, SSL_client_auth: 'requested' },
    };
  },
};

/** By the number of a test. */
const SETUP_OF = {
  '0089': 'waiting',
  '0097': 'tls',
  '0102': 'waiting',
  '0109': 'sasl',
  '0113': 'waiting',
  '0118': 'waiting',
  '0135': 'sasl',
};

/** Every setup by its name. */
export const SETUP_NAMES = Object.keys(SETUPS);

/**
 * @param {{ number: string, withoutCreation: boolean }} test
 * @returns {string} the name of the setup it runs in
 */
export function setupOf({ number, withoutCreation }) {
  return withoutCreation ? 'noautocreate' : (SETUP_OF[number] ?? 'plain');
}

/**
 * @param {string} name of the setup
 * @param {string} directory for what has to be in files
 * @returns {Required<Setup>}
 */
export function prepareSetup(name, directory) {
  return { scenario: 'default', broker: {}, conf: {}, env: {}, ...SETUPS[name](join(directory, name)) };
}
