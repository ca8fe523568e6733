import {
  type CallHandler,
  type CanActivate,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  ParseArrayPipe,
  type Provider,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { Type } from 'class-transformer';
import { IsInt } from 'class-validator';
import { map, type Observable, tap } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Collector, coded, settled } from '../__fixtures__/waiting.js';
import type { DeadLetterEvent } from '../events.js';
import type { HandlerContext } from '../groups/group.types.js';
import type { Message } from '../message.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import {
  FullMessage,
  MessageContext,
  MessageHeaders,
  MessageKey,
  MessageValue,
} from './message-params.decorator.js';
import { Subscribe } from './subscribe.decorator.js';
import { SubscriptionExplorer } from './subscription.explorer.js';

class OrderDto {
  @IsInt()
  @Type(() => Number)
  id!: number;
}

const seen = new Collector<unknown>();
let app: TestingModule;

beforeEach(() => void seen.items.splice(0));
afterEach(() => app?.close());

async function start(
  providers: Provider[],
  options: { manualRegistration?: boolean; imports?: DynamicModule[] } = {},
): Promise<TopicsService> {
  const { imports = [], manualRegistration = false } = options;
  @Module({
    imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot(), manualRegistration }), ...imports],
    providers,
  })
  class AppModule {}
  app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  await app.init();
  return app.get(TopicsService);
}

function buried(topics: TopicsService): Collector<DeadLetterEvent> {
  const events = new Collector<DeadLetterEvent>();
  topics.events.on('dead-letter', (event) => void events.push(event));
  return events;
}

describe('@Subscribe', () => {
  it('injects decorated parameters, through global pipes', async () => {
    @Injectable()
    class Billing {
      @Subscribe('orders', { group: 'billing' })
      bill(
        @MessageValue() order: OrderDto,
        @MessageKey() key: string,
        @MessageHeaders('trace') trace: string,
        @MessageContext() context: HandlerContext,
        @FullMessage() message: Message,
        @MessageValue('id') id: unknown,
      ): void {
        seen.push([order, key, trace, context.group, message.offset, id]);
      }
    }
    const pipe = { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true }) };
    const topics = await start([Billing, pipe]);
    const refused = buried(topics);
    await topics.publish('orders', { key: 'bad', value: { id: 'x' } });
    await topics.publish('orders', { key: 'k', value: { id: '7' }, headers: { trace: 't' } });
    const [got] = (await seen.atLeast(1)) as [[OrderDto, ...unknown[]]];
    expect(got).toEqual([{ id: 7 }, 'k', 't', 'billing', 1, '7']);
    expect(got[0]).toBeInstanceOf(OrderDto);
    expect(await refused.atLeast(1)).toMatchObject([{ offset: 0, attempts: 1 }]);
    const [dead] = await topics.deadLetters.list('orders.dlq');
    expect(dead?.reason).toBe('Bad Request Exception; id must be an integer number');
  });

  it('without parameter decorators gets the message and its context', async () => {
    @Injectable()
    class Plain {
      @Subscribe('orders', { group: 'plain' })
      handle(message: Message, context: HandlerContext): void {
        seen.push([message.value, context.attempt]);
      }
    }
    const topics = await start([Plain]);
    await topics.publish('orders', { value: 5 });
    expect(await seen.atLeast(1)).toEqual([[5, 1]]);
  });

  it('runs guards, interceptors and filters; a filter that returns nothing does not hide an error', async () => {
    const log = new Collector<string>();
    @Injectable()
    class OnlyEven implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        expect(context.getType()).toBe('rpc');
        return (context.switchToRpc().getData<Message<number>>().value ?? 0) % 2 === 0;
      }
    }
    @Injectable()
    class Around implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        log.push('before');
        return next.handle().pipe(
          map(() => 'changed'),
          tap(() => log.push('after')),
        );
      }
    }
    @Catch(RangeError)
    class Looks implements ExceptionFilter {
      async catch(): Promise<void> {
        log.push('looked');
      }
    }
    @Catch(TypeError)
    class Solves implements ExceptionFilter {
      catch(): string {
        return 'solved';
      }
    }
    @Injectable()
    class Handlers {
      @Subscribe('numbers', { group: 'g', retry: false })
      @UseGuards(OnlyEven)
      @UseInterceptors(Around)
      @UseFilters(Looks, Solves)
      handle(@MessageValue() value: number): void {
        seen.push(value);
        if (value === 4) throw new RangeError('too much');
        if (value === 6) throw new TypeError('of no matter');
      }
    }
    const topics = await start([Handlers]);
    const given = buried(topics);
    await topics.publishBatch(
      'numbers',
      [1, 2, 4, 6, 8].map((value) => ({ value })),
    );
    expect(await seen.atLeast(4)).toEqual([2, 4, 6, 8]);
    await given.atLeast(2);
    expect(given.items.map(({ offset }) => offset).sort()).toEqual([0, 2]);
    expect(log.items).toEqual(['before', 'after', 'before', 'looked', 'before', 'before', 'after']);
  });

  it('serves several groups and topics by one method, in batches too', async () => {
    @Injectable()
    class Handlers {
      @Subscribe(['a', 'b'], { group: 'one' })
      @Subscribe('b', { group: 'two' })
      single(message: Message, context: HandlerContext): void {
        seen.push(`${context.group}:${message.topic}`);
      }

      @Subscribe('c', { group: 'three', batch: 2, retry: false })
      batch(
        @MessageValue(new ParseArrayPipe({ items: OrderDto })) orders: OrderDto[],
        @MessageKey() keys: string[],
      ): void {
        seen.push([orders, keys]);
      }
    }
    const topics = await start([Handlers]);
    await topics.publish('a', { value: 1 });
    await topics.publish('b', { value: 1 });
    const three = await seen.atLeast(3);
    expect([...(three as string[])].sort()).toEqual(['one:a', 'one:b', 'two:b']);
    const refused = buried(topics);
    await topics.publishBatch('c', [
      { key: 'x', value: { id: '1' } },
      { key: 'y', value: { id: 2 } },
      { key: 'z', value: { id: 'no' } },
    ]);
    expect((await seen.atLeast(4))[3]).toEqual([
      [{ id: 1 }, { id: 2 }],
      ['x', 'y'],
    ]);
    expect((await refused.atLeast(1))[0]!.offset).toBe(2);
  });

  it('takes names from the configuration and the environment, and says which is missing', async () => {
    @Injectable()
    class Handlers {
      @Subscribe('${ORDERS_TOPIC}', { group: '${MISSING_GROUP:fallback}' })
      @Subscribe((ref) => ref.get(ConfigService, { strict: false }).getOrThrow<string>('ORDERS_TOPIC'), {
        group: 'by-function',
      })
      handle(message: Message, context: HandlerContext): void {
        seen.push(`${context.group}:${message.topic}`);
      }
    }
    const config = await ConfigModule.forRoot({
      ignoreEnvFile: true,
      load: [() => ({ ORDERS_TOPIC: 'orders-eu' })],
    });
    const topics = await start([Handlers], { imports: [config] });
    await topics.publish('orders-eu', { value: 1 });
    expect([...((await seen.atLeast(2)) as string[])].sort()).toEqual([
      'by-function:orders-eu',
      'fallback:orders-eu',
    ]);
    @Injectable()
    class Wrong {
      @Subscribe('${NOWHERE_TO_BE_FOUND}', { group: 'g' })
      handle(): void {}
    }
    await expect(start([Wrong])).rejects.toThrowError(/Wrong\.handle.*NOWHERE_TO_BE_FOUND/);
  });

  it('subscribes to topics that match a pattern, including later ones, but not to their dead letters', async () => {
    @Injectable()
    class Handlers {
      @Subscribe('orders.*', { group: 'wild', retry: false })
      handle(message: Message): void {
        seen.push(message.topic);
        if (message.value === 'bad') throw new Error('no');
      }
    }
    const topics = await start([Handlers]);
    await topics.publish('orders.eu', { value: 1 });
    await topics.publish('orders.us', { value: 'bad' });
    await topics.publish('other', { value: 1 });
    await seen.atLeast(2);
    while (!topics.hasTopic('orders.us.dlq')) await settled();
    await topics.publish('orders.us.dlq', { value: 1 });
    await topics.publish('orders.eu', { value: 2 });
    expect([...((await seen.atLeast(3)) as string[])].sort()).toEqual([
      'orders.eu',
      'orders.eu',
      'orders.us',
    ]);
    expect(topics.groups.list()[0]!.topics).toEqual(['orders.eu', 'orders.us']);
  });

  it('waits for register() if registration is manual', async () => {
    @Injectable()
    class Handlers {
      @Subscribe('orders', { group: 'g' })
      handle(@MessageValue() value: unknown): void {
        seen.push(value);
      }
    }
    const topics = await start([Handlers], { manualRegistration: true });
    await topics.publish('orders', { value: 1 });
    await settled();
    expect(topics.groups.list()).toEqual([]);
    const explorer = app.get(SubscriptionExplorer);
    expect(await explorer.register()).toHaveLength(1);
    expect(await explorer.register()).toHaveLength(0);
    expect(await seen.atLeast(1)).toEqual([1]);
  });

  it('refuses what it cannot serve, before anything starts', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @Subscribe('orders', { group: 'g' })
      handle(): void {}
    }
    await expect(start([PerRequest])).rejects.toThrowError(/PerRequest\.handle.*request-scoped/);
    @Injectable()
    class BadOption {
      @Subscribe('orders', { group: 'g', concurrency: 0 })
      handle(): void {}
    }
    const refused = start([BadOption]);
    await expect(refused).rejects.toThrowError(coded('INVALID_GROUP'));
    // The error must name the handler among many.
    await expect(refused).rejects.toThrowError(/^@Subscribe on BadOption\.handle: concurrency/);
    const decorate = (topics: unknown, options: unknown) => () =>
      Subscribe(topics as never, options as never)({ m: () => {} }, 'm', {});
    expect(decorate([], { group: 'g' })).toThrowError(coded('INVALID_CONFIG'));
    expect(decorate('orders', {})).toThrowError(coded('INVALID_CONFIG'));
  });
});
