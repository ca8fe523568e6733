import { TopicsMetricsModule } from '@genrocks/topics/metrics';
import { Module } from '@nestjs/common';
import { BrokerMetrics } from './broker-metrics.js';

/** The registry of the broker. */
@Module({ providers: [BrokerMetrics], exports: [BrokerMetrics] })
export class RegistryModule {}

/** The broker's metrics and those of its topics, in one registry; `GET /metrics` prints it. */
@Module({
  imports: [
    RegistryModule,
    TopicsMetricsModule.forRootAsync({
      imports: [RegistryModule],
      inject: [BrokerMetrics],
      useFactory: ({ registry }: BrokerMetrics) => ({ registry }),
    }),
  ],
  exports: [RegistryModule],
})
export class MetricsModule {}
