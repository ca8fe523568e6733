import { KafkaListener } from '@genrocks/kafka';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Counter, Gauge } from 'prom-client';
import { BrokerMetrics } from './broker-metrics.js';
import { MetricsModule } from './metrics.module.js';

/** Metrics of the Kafka listener's clients, read at each scrape. */
@Injectable()
class KafkaMetrics implements OnModuleInit {
  constructor(
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(BrokerMetrics) private readonly metrics: BrokerMetrics,
  ) {}

  onModuleInit(): void {
    const listener = this.moduleRef.get(KafkaListener, { strict: false });
    const registers = [this.metrics.registry];
    new Gauge({
      name: 'genrocks_kafka_connections',
      help: 'Open connections of Kafka clients',
      registers,
      collect() {
        this.set(listener.status().connections);
      },
    });
    new Counter({
      name: 'genrocks_kafka_connections_refused_total',
      help: 'Connections refused: over max_connections (limit), or without the required TLS (tls)',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        const { limit, tls } = listener.status().refusedConnections;
        this.inc({ reason: 'limit' }, limit);
        this.inc({ reason: 'tls' }, tls);
      },
    });
    new Counter({
      name: 'genrocks_kafka_authentication_failures_total',
      help: 'Failed logins of Kafka clients',
      registers,
      collect() {
        this.reset();
        this.inc(listener.status().failedLogins);
      },
    });
    this.addCertificate(listener);
  }

  /** Only registered if there is a certificate. */
  private addCertificate(listener: KafkaListener): void {
    if (listener.status().certificateExpiresAt === undefined) return;
    new Gauge({
      name: 'genrocks_kafka_tls_certificate_expiry_timestamp_seconds',
      help: 'Expiry of the certificate of the Kafka listener, in seconds since 1970',
      registers: [this.metrics.registry],
      collect() {
        const expiry = listener.status().certificateExpiresAt;
        if (expiry !== undefined) this.set(expiry.getTime() / 1000);
      },
    });
  }
}

/** The metrics of the Kafka listener, loaded together with it. */
@Module({ imports: [MetricsModule], providers: [KafkaMetrics] })
export class KafkaMetricsModule {}
