import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common';
import { ClientsModule, Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { app, start } from '../__fixtures__/transport-app.js';
import { coded } from '../__fixtures__/waiting.js';
import { TopicsService } from '../topics.service.js';
import { TopicsTestingModule } from '../testing/index.js';
import { GenRocksClient, GenRocksContext, GenRocksServer, GenRocksTransportModule } from './index.js';

@Controller()
class OneOfEach {
  @EventPattern('placed')
  placed(@Payload() _order: unknown): void {}
  @MessagePattern('double')
  double(@Payload() n: number): number {
    return 2 * n;
  }
}

it('handlerTimeoutMs applies to events, not to requests, which are never handled twice', async () => {
  await start([OneOfEach], { handlerTimeoutMs: 5_000 });
  const limits = app
    .get(TopicsService)
    .consumerGroups.map(({ group, options }) => [group, options.handlerTimeoutMs]);
  expect(Object.fromEntries(limits)).toEqual({ nest: 5_000, 'nest.requests': 0 });
});

describe('wiring', () => {
  @Controller()
  class Both {
    constructor(
      @Inject('MATHS') private readonly maths: GenRocksClient,
      private readonly own: GenRocksClient,
    ) {}
    @MessagePattern('double')
    double(@Payload() n: number): number {
      return 2 * n;
    }
    @MessagePattern('quadruple')
    quadruple(@Payload() n: number): Observable<number> {
      return this.maths.send<number>('double', 2 * n);
    }
    @Get('ask')
    async get(): Promise<{ answer: number }> {
      return { answer: await firstValueFrom(this.own.send<number>('quadruple', 3)) };
    }
  }

  it('works from HTTP in a hybrid application, and registered by ClientsModule', async () => {
    await start([Both], {
      imports: [
        ClientsModule.registerAsync({
          isGlobal: true,
          clients: [
            {
              name: 'MATHS',
              inject: [TopicsService],
              useFactory: (topics: TopicsService) => ({
                customClass: GenRocksClient as never,
                options: { topics },
              }),
            },
          ],
        }),
      ],
    });
    await app.getHttpAdapter().getInstance().ready();
    const response = await app.inject({ method: 'GET', url: '/ask' });
    expect(response.json()).toEqual({ answer: 12 });
    expect(app.get(GenRocksServer).unwrap()).toBe(app.get(TopicsService));
  });

  it('runs as a standalone microservice, with processing hooks and metadata from the client', async () => {
    const hooks: string[] = [];
    @Controller()
    class Alone {
      @MessagePattern('who')
      who(@Ctx() context: GenRocksContext): unknown {
        return context.getMetadata();
      }
    }
    @Module({
      imports: [TopicsTestingModule.forRoot({}), GenRocksTransportModule.forRoot({})],
      controllers: [Alone],
    })
    class AloneModule {}
    const module = await Test.createTestingModule({ imports: [AloneModule] }).compile();
    const server = module.get(GenRocksServer);
    server.setOnProcessingStartHook((_id, _context, done) => {
      hooks.push('start');
      void done();
    });
    server.setOnProcessingEndHook(() => void hooks.push('end'));
    const service = module.createNestMicroservice({ strategy: server });
    await service.listen();
    const own = module.get(GenRocksClient);
    own.setOnDispatchHook((packet) => void (packet.metadata = { trace: 'abc' }));
    expect(await lastValueFrom(own.send('who', {}))).toEqual({ trace: 'abc' });
    expect(hooks).toEqual(['start', 'end']);
    await service.close();
  });

  it('keeps replies in memory if such an adapter is plugged in', async () => {
    @Injectable()
    class Nothing {}
    const { DiskLikeModule } = await import('../__fixtures__/two-adapters.js');
    const module = await Test.createTestingModule({
      imports: [
        DiskLikeModule.forRoot([{ module: EtsModule.forRoot(), adapter: EtsStorageAdapter }]),
        GenRocksTransportModule.forRoot({}),
      ],
      providers: [Nothing],
    }).compile();
    await module.init();
    await module.get(GenRocksClient).connect();
    expect(module.get(TopicsService).topic('genrocks.replies').describe()).toMatchObject({
      adapter: 'ets',
      partitionCount: 1,
    });
    await module.close();
  });

  it('names mistakes in its options', () => {
    expect(() => new GenRocksServer({} as never)).toThrowError(coded('INVALID_CONFIG'));
    expect(() => new GenRocksClient({} as never)).toThrowError(coded('INVALID_CONFIG'));
    expect(() => new GenRocksClient({ topics: {} as never, timeoutMs: -1 })).toThrowError(
      coded('INVALID_CONFIG'),
    );
  });
});
