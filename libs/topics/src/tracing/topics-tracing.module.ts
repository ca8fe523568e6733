import { Module } from '@nestjs/common';
import { TopicsService } from '../topics.service.js';
import { TopicsTracing } from './topics-tracing.js';

/**
 * Propagates OpenTelemetry trace context with messages; see {@link TopicsTracing}.
 *
 * @example
 * imports: [TopicsModule.forRoot({ storage }), TopicsTracingModule]
 *
 * @publicApi
 */
@Module({
  providers: [
    {
      provide: TopicsTracing,
      inject: [TopicsService],
      useFactory: (topics: TopicsService) => new TopicsTracing(topics),
    },
  ],
  exports: [TopicsTracing],
})
export class TopicsTracingModule {}
