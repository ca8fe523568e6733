export * from './config/index.js';
export * from './errors.js';
export * from './kafka-listener.js';
export * from './module/kafka.module.js';
