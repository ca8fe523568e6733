export { ManualClock } from './manual-clock.js';
export { MemoryAdapter, type MemoryDisk, type WriteHook } from './memory-adapter.js';
export { MessageSpy, SpyTimeoutError, type SpyOptions } from './message-spy.js';
export { TopicsTester } from './topics-tester.js';
export { TopicsTestingModule, type TopicsTestingOptions } from './topics-testing.module.js';
