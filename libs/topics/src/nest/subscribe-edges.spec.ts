import {
  Body,
  type CanActivate,
  Catch,
  createParamDecorator,
  type ExceptionFilter,
  type ExecutionContext,
  Headers,
  Inject,
  Injectable,
  Module,
  type Provider,
  Scope,
  UseFilters,
} from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { Ctx, RpcException } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { of, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Collector, coded } from '../__fixtures__/waiting.js';
import { RejectMessage } from '../delivery-errors.js';
import type { Message } from '../message.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { MessageValue } from './message-params.decorator.js';
import { Subscribe } from './subscribe.decorator.js';

const seen = new Collector<string>();
let app: TestingModule;

beforeEach(() => void seen.items.splice(0));
afterEach(() => app?.close());

async function start(...providers: Provider[]): Promise<TopicsService> {
  @Module({ imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() })], providers })
  class AppModule {}
  app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  await app.init();
  return app.get(TopicsService);
}

/** Replaces the method, as decorators for transactions and spans do. */
const Wrapped = (): MethodDecorator => (_target, _property, descriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return method.apply(this, args);
  };
  return { ...descriptor, value: wrapped as typeof descriptor.value };
};

describe('a method with @Subscribe', () => {
  it('is bound even if other decorators above or below replace it', async () => {
    @Injectable()
    class Handlers {
      @Wrapped()
      @Subscribe('orders', { group: 'below' })
      below(@MessageValue() value: string): void {
        seen.push(`below ${value}`);
      }

      @Subscribe('orders', { group: 'above' })
      @Wrapped()
      above(@MessageValue() value: string): void {
        seen.push(`above ${value}`);
      }
    }
    const topics = await start(Handlers);
    await topics.publish('orders', { value: 'a' });
    expect((await seen.atLeast(2)).toSorted()).toEqual(['above a', 'below a']);
  });

  it('is inherited; an overriding method needs its own decorator', async () => {
    abstract class Base {
      abstract readonly name: string;

      @Subscribe('orders', { group: 'inherited' })
      inherited(): void {
        seen.push(`inherited by ${this.name}`);
      }

      @Subscribe('orders', { group: 'overridden' })
      overridden(): void {
        seen.push('overridden');
      }
    }
    @Injectable()
    class Handlers extends Base {
      override readonly name = 'Handlers';
      override overridden(): void {
        seen.push('not bound');
      }
    }
    const topics = await start(Handlers);
    expect(topics.consumerGroups.map(({ group }) => group)).toEqual(['inherited']);
    await topics.publish('orders', { value: 1 });
    expect(await seen.atLeast(1)).toEqual(['inherited by Handlers']);
  });

  it('cannot be static', () => {
    expect(() => {
      class Handlers {
        @Subscribe('orders', { group: 'g' })
        static handle(): void {}
      }
      return Handlers;
    }).toThrowError(/Handlers\.handle: the method is static/);
  });
});

describe('parameters of a handler', () => {
  const Size = createParamDecorator((_data: unknown, context: ExecutionContext) => {
    return context.switchToRpc().getData<Message>().valueBytes?.length;
  });

  it('may have decorators of the application', async () => {
    @Injectable()
    class Handlers {
      @Subscribe('orders', { group: 'g' })
      handle(@Size() size: number, @MessageValue() value: string): void {
        seen.push(`${value} of ${size}`);
      }
    }
    const topics = await start(Handlers);
    await topics.publish('orders', { value: 'abc' });
    expect(await seen.atLeast(1)).toEqual(['abc of 5']);
  });

  it('with decorators for requests are refused, because they would be undefined', async () => {
    @Injectable()
    class OfHttp {
      @Subscribe('orders', { group: 'g' })
      handle(@Body() _value: unknown, @Headers() _headers: unknown): void {}
    }
    await expect(start(OfHttp)).rejects.toThrowError(
      /OfHttp\.handle: the decorator of parameter 2 .*@MessageHeaders/,
    );
    @Injectable()
    class OfMicroservices {
      @Subscribe('orders', { group: 'g' })
      handle(@Ctx() _context: unknown): void {}
    }
    await expect(start(OfMicroservices)).rejects.toThrowError(coded('INVALID_CONFIG'));
  });
});

describe('a filter that returns an Observable, as those of microservices do,', () => {
  @Catch(RpcException)
  class OfTheDocs implements ExceptionFilter {
    catch(exception: RpcException) {
      return throwError(() => exception.getError());
    }
  }
  @Catch(RangeError)
  class Translates implements ExceptionFilter {
    catch() {
      return throwError(() => new RejectMessage('never'));
    }
  }
  @Catch(TypeError)
  class Solves implements ExceptionFilter {
    catch() {
      return of('solved');
    }
  }
  const errors: Record<string, Error> = {
    rpc: new RpcException('no stock'),
    range: new RangeError('too much'),
    type: new TypeError('of no matter'),
  };

  it('has not handled the error if the Observable errors', async () => {
    @Injectable()
    class Handlers {
      @Subscribe('orders', { group: 'g', retry: { attempts: 2, initialMs: 1 } })
      @UseFilters(OfTheDocs, Translates, Solves)
      handle(@MessageValue() value: string): void {
        seen.push(value);
        throw errors[value]!;
      }
    }
    const topics = await start(Handlers);
    const buried = new Collector<[number, string]>();
    topics.events.on('dead-letter', ({ attempts, error }) =>
      buried.push([attempts, (error as Error).message]),
    );
    await topics.publishBatch('orders', [{ value: 'rpc' }, { value: 'range' }, { value: 'type' }]);
    expect((await buried.atLeast(2)).toSorted()).toEqual([
      [1, 'never'],
      [2, 'no stock'],
    ]);
    expect((await seen.atLeast(4)).toSorted()).toEqual(['range', 'rpc', 'rpc', 'type']);
  });
});

describe('a guard for the whole application', () => {
  it('that is request-scoped is refused, because it would run unconstructed', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenants implements CanActivate {
      constructor(@Inject(REQUEST) private readonly request: unknown) {}
      canActivate(): boolean {
        return this.request !== undefined;
      }
    }
    @Injectable()
    class Handlers {
      @Subscribe('orders', { group: 'g' })
      handle(): void {}
    }
    const guard = { provide: APP_GUARD, useClass: Tenants };
    await expect(start(Handlers, guard)).rejects.toThrowError(/Tenants \(APP_GUARD\) is request-scoped/);
    const topics = await start(guard);
    expect(topics.consumerGroups).toEqual([]);
  });
});
