/** The listener's options and their checks without the listener, for programs that do not start one. */
export { KAFKA_CLIENT_AUTH } from '../options.js';
export type { KafkaClientAuth, KafkaOptions, KafkaReload, KafkaTlsOptions } from '../options.js';
export type { Right } from '../security/access.js';
export type { KafkaRight } from '../security/rights.js';
export {
  parseScramCredential,
  scramCredential,
  type ScramHash,
  type ScramOptions,
} from '../security/scram-credential.js';
export { RIGHTS, userProblems } from '../security/user-options.js';
export type { KafkaUser } from '../security/users.js';
