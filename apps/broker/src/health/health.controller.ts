import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOperation, ApiTags, whenDescribed } from '../docs/api.decorators.js';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { ApiProblems } from '../http/problem.dto.js';
import { StorageHealth } from './storage.health.js';

@ApiTags('operation')
@ApiProblems()
@Controller('health')
export class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(StorageHealth) private readonly storage: StorageHealth,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'Liveness: the process answers; restart it if this fails' })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @whenDescribed(() => HealthCheck({ noCache: false, swaggerDocumentation: true }))
  @ApiOperation({ summary: 'Readiness: messages can be accepted and stored; send no traffic if this fails' })
  ready() {
    const checks = [() => this.storage.partitions()];
    return this.health.check(
      this.storage.usesDirectory ? [...checks, () => this.storage.directory()] : checks,
    );
  }
}
