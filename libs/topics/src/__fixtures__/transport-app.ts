import { type DynamicModule, Module, type Provider, type Type, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { IsInt } from 'class-validator';
import { lastValueFrom } from 'rxjs';
import { afterEach } from 'vitest';
import {
  GenRocksClient,
  GenRocksServer,
  GenRocksTransportModule,
  type GenRocksTransportOptions,
} from '../microservices/index.js';
import { MemoryAdapter, TopicsTester, TopicsTestingModule } from '../testing/index.js';

export class OrderDto {
  @IsInt()
  id!: number;
}

export interface Setting extends GenRocksTransportOptions {
  providers?: Provider[];
  imports?: DynamicModule[];
  adapter?: MemoryAdapter;
  drainTimeoutMs?: number;
  handlerTimeoutMs?: number;
  beforeStart?: (app: NestFastifyApplication) => void;
}

/** The application of the running test; closed after it. */
export let app: NestFastifyApplication;
afterEach(() => app?.close());

/** Starts a hybrid application that serves HTTP and the controllers' message patterns. */
export async function start(controllers: Type[], setting: Setting = {}): Promise<TopicsTester> {
  const {
    providers = [],
    imports = [],
    adapter = new MemoryAdapter(),
    drainTimeoutMs = 1_000,
    handlerTimeoutMs = 0,
    ...rest
  } = setting;
  const { beforeStart, ...options } = rest;
  @Module({
    imports: [
      TopicsTestingModule.forRoot({ adapter, drainTimeoutMs, handlerTimeoutMs }),
      GenRocksTransportModule.forRoot(options),
      ...imports,
    ],
    controllers,
    providers: [{ provide: APP_PIPE, useValue: new ValidationPipe({ transform: true }) }, ...providers],
  })
  class AppModule {}
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  app.connectMicroservice<MicroserviceOptions>(
    { strategy: app.get(GenRocksServer) },
    { inheritAppConfig: true },
  );
  beforeStart?.(app);
  await app.startAllMicroservices();
  await app.init();
  return TopicsTester.of(app);
}

export const client = () => app.get(GenRocksClient);
export const ask = <T = unknown>(pattern: unknown, data: unknown) =>
  lastValueFrom(client().send<T>(pattern, data));
