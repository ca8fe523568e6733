import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { BrokerMetrics } from './broker-metrics.js';

/** Times every request, including refused ones, by its route pattern, so that topic names create no new series. */
@Injectable()
export class RequestMetrics implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(BrokerMetrics) private readonly metrics: BrokerMetrics,
  ) {}

  onModuleInit(): void {
    this.host.httpAdapter?.setOnResponseHook((request, reply, done) => {
      const route = request.routeOptions.url ?? 'unknown';
      this.metrics.countRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
  }
}
