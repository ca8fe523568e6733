export {
  type ConsumersHealthOptions,
  type LagHealthOptions,
  type StorageHealthOptions,
  TopicsHealthIndicator,
} from './topics-health.indicator.js';
export { TopicsHealthModule } from './topics-health.module.js';
