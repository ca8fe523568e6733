import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { TopicsService } from '../topics.service.js';
import { TopicsMetrics, type TopicsMetricsOptions } from './topics-metrics.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<TopicsMetricsOptions>(
  { moduleName: 'TopicsMetrics' },
)
  .setClassMethodName('forRoot')
  .build();

/**
 * Provides {@link TopicsMetrics}, registered with prom-client.
 *
 * @example
 * imports: [TopicsModule.forRoot({ storage }), TopicsMetricsModule.forRoot({})]
 *
 * @publicApi
 */
@Module({
  providers: [
    {
      provide: TopicsMetrics,
      inject: [TopicsService, MODULE_OPTIONS_TOKEN],
      useFactory: (topics: TopicsService, options: TopicsMetricsOptions) =>
        new TopicsMetrics(topics, options),
    },
  ],
  exports: [TopicsMetrics],
})
export class TopicsMetricsModule extends ConfigurableModuleClass {}
