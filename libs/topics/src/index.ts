export type { Clock, SleepOptions } from './clock.js';
export type { DedupOptions } from './dedup/dedup-options.js';
export { MESSAGE_ID_HEADER, PUBLISHED_AT_HEADER } from './dedup/message-id.js';
export type { DedupInfo } from './dedup/message-ids.js';
export { DEAD_LETTER_PREFIX, DeadLetterHeader, REDRIVES_HEADER } from './dead-letters/dead-letter-headers.js';
export * from './dead-letters/dead-letter.types.js';
export * from './dead-letters/dead-letter-errors.js';
export { DeadLetters } from './dead-letters/dead-letters.js';
export { defineTopic, type TopicOf } from './define-topic.js';
export * from './delivery-errors.js';
export * from './errors.js';
export * from './events.js';
export * from './groups/coordinator/membership-errors.js';
export * from './groups/group.types.js';
export { ConsumerGroup } from './groups/consumer-group.js';
export { GroupRegistry } from './groups/group-registry.js';
export { offsetOf } from './groups/offset-target.js';
export type { HandlerCall, Instrumentation } from './instrumentation.js';
export * from './message.js';
export {
  MODULE_OPTIONS_TOKEN as TOPICS_OPTIONS,
  type FurtherAdapter,
  type StorageModule,
  type TopicsModuleAsyncOptions,
  type TopicsModuleExtras,
  type TopicsModuleOptions,
} from './module/topics.module-definition.js';
export * from './module/topics.module.js';
export {
  FullMessage,
  MessageContext,
  MessageHeaders,
  MessageKey,
  MessageValue,
} from './nest/message-params.decorator.js';
export { Subscribe, type SubscribeOptions, type SubscribeTopic } from './nest/subscribe.decorator.js';
export { SubscriptionExplorer } from './nest/subscription.explorer.js';
export * from './options.js';
export type { Compression } from './records/batch-header.js';
export type * from './partition/append.types.js';
export { Partition } from './partition/partition.js';
export * from './partition/read.types.js';
export type { Routing, RoutingName, RoutedMessage, RoutingFunction } from './routing/router.js';
export * from './status.types.js';
export type { SchemaIssue, SchemaValue, TopicSchema } from './schema/topic-schema.js';
export { Topic } from './topic.js';
export type { MessageStreamOptions } from './stream/message-stream.js';
export type { ObserveOptions } from './stream/observe.js';
export * from './topic.types.js';
export * from './topics.service.js';
export { getTopicToken, InjectTopic, TOPICS_ADAPTERS } from './topics.tokens.js';
