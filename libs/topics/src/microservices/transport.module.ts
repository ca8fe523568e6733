import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TopicsService } from '../topics.service.js';
import { FailureRecorder } from './failure-recorder.interceptor.js';
import { GenRocksClient, type GenRocksClientOptions } from './genrocks.client.js';
import { GenRocksServer, type GenRocksServerOptions } from './genrocks.server.js';

/** Options of the server and the client that the module provides. */
export interface GenRocksTransportOptions extends Omit<GenRocksServerOptions, 'topics'> {
  /** Options of the client; all others are the server's. */
  client?: Omit<GenRocksClientOptions, 'topics'>;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<GenRocksTransportOptions>({ moduleName: 'GenRocksTransport' })
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();

/** Options of `forRootAsync`, from a factory. */
export type GenRocksTransportAsyncOptions = ConfigurableModuleAsyncOptions<GenRocksTransportOptions>;

/**
 * Provides {@link GenRocksServer} and {@link GenRocksClient} over the application's topics.
 *
 * @example
 * imports: [TopicsModule.forRoot({ storage }), GenRocksTransportModule.forRoot({ group: 'billing' })]
 *
 * @publicApi
 */
@Module({
  providers: [
    {
      provide: GenRocksServer,
      inject: [TopicsService, MODULE_OPTIONS_TOKEN],
      useFactory: (topics: TopicsService, { client: _, ...options }: GenRocksTransportOptions) =>
        new GenRocksServer({ ...options, topics }),
    },
    {
      provide: GenRocksClient,
      inject: [TopicsService, MODULE_OPTIONS_TOKEN],
      useFactory: (topics: TopicsService, { client }: GenRocksTransportOptions) =>
        new GenRocksClient({ ...client, topics }),
    },
    { provide: APP_INTERCEPTOR, useClass: FailureRecorder },
  ],
  exports: [GenRocksServer, GenRocksClient],
})
export class GenRocksTransportModule extends ConfigurableModuleClass {}
