import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Module,
  type NestInterceptor,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { expect, it } from 'vitest';
import { Collector } from '../__fixtures__/waiting.js';
import type { Message } from '../message.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { MessageKey, MessageValue } from './message-params.decorator.js';
import { Subscribe } from './subscribe.decorator.js';

it('a controller has its guards, interceptors, pipes and filters, as a provider does', async () => {
  const log = new Collector<unknown>();
  let began = 0;
  class OnlyEven implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return (context.switchToRpc().getData<Message<number>>().value ?? 0) % 2 === 0;
    }
  }
  class Around implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler) {
      log.push('around');
      return next.handle();
    }
  }
  @Catch(RangeError)
  class Solves implements ExceptionFilter {
    catch(error: Error, _host: ArgumentsHost): string {
      log.push(error.message);
      return 'solved';
    }
  }
  @Controller()
  class Numbers {
    onModuleInit(): void {
      began++;
    }

    @Subscribe('numbers', { group: 'g', retry: false })
    @UseGuards(OnlyEven)
    @UseInterceptors(Around)
    @UseFilters(Solves)
    handle(@MessageValue() value: number, @MessageKey(ParseIntPipe) key: number): void {
      if (value === 4) throw new RangeError('too much');
      log.push([value, key]);
    }
  }
  @Module({
    imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() })],
    controllers: [Numbers],
  })
  class AppModule {}
  const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app.useLogger(false);
  await app.init();
  await app.get(TopicsService).publishBatch(
    'numbers',
    [1, 2, 4, 6].map((value) => ({ key: '7', value })),
  );
  expect(await log.atLeast(6)).toEqual(['around', [2, 7], 'around', 'too much', 'around', [6, 7]]);
  expect(began).toBe(1);
  await app.close();
});
