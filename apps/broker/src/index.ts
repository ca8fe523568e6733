export { type CreateBrokerOptions, createBroker, listen } from './broker.js';
export { BrokerModule, toTopicsOptions } from './broker.module.js';
export { brokerConfig } from './config/broker.config.js';
export { BrokerConfig, checkBrokerConfig } from './config/broker-config.js';
export { LOG_LEVELS, type LogLevelName } from './config/log-levels.js';
export { ENVIRONMENT } from './config/environment.js';
export { HttpConfig } from './config/http.config.js';
export { KafkaConfig } from './config/kafka.config.js';
export { LimitsConfig } from './config/limits.config.js';
export {
  DEFAULT_CONFIG_FILE,
  loadConfig,
  type LoadConfigOptions,
  type LoadedConfig,
} from './config/load-config.js';
export { StorageConfig } from './config/storage.config.js';
export { TopicConfig } from './config/topic.config.js';
export { setupDocs } from './docs/setup-docs.js';
export { BrokerHttpAdapter } from './http/broker-http.adapter.js';
export { type Problem, PROBLEM_CONTENT_TYPE, STATUS_OF_CODE, toProblem } from './http/problem.js';
