export * from './errors.js';
export * from './kafka-listener.js';
export * from './module/kafka.module.js';
export type { KafkaOptions } from './options.js';
