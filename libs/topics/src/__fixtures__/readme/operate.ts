import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { TopicsHealthIndicator, TopicsHealthModule } from '@genrocks/topics/health';
import { TopicsMetrics, TopicsMetricsModule } from '@genrocks/topics/metrics';
import { TopicsTracingModule } from '@genrocks/topics/tracing';

@Controller()
export class OperationController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly topics: TopicsHealthIndicator,
    private readonly metrics: TopicsMetrics,
  ) {}

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([
      () => this.topics.storage('storage'),
      () => this.topics.consumers('consumers', { stuckMs: 120_000 }),
      () => this.topics.lag('lag', { max: { billing: 10_000 }, degraded: true }),
    ]);
  }

  @Get('metrics')
  scrape(): Promise<string> {
    return this.metrics.text();
  }
}

@Module({
  imports: [TerminusModule, TopicsHealthModule, TopicsMetricsModule.forRoot({}), TopicsTracingModule],
  controllers: [OperationController],
})
export class OperationModule {}
