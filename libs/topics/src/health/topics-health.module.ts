import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TopicsHealthIndicator } from './topics-health.indicator.js';

/**
 * Provides {@link TopicsHealthIndicator}.
 *
 * @example
 * imports: [TerminusModule, TopicsHealthModule]
 *
 * @publicApi
 */
@Module({
  imports: [TerminusModule],
  providers: [TopicsHealthIndicator],
  exports: [TopicsHealthIndicator],
})
export class TopicsHealthModule {}
