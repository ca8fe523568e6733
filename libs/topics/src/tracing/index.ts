export { TopicsTracing } from './topics-tracing.js';
export { TopicsTracingModule } from './topics-tracing.module.js';
