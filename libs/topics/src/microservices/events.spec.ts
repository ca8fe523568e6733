import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Ctx, EventPattern, Payload, RpcException } from '@nestjs/microservices';
import { EMPTY, firstValueFrom, type Observable, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { app, client, OrderDto, start } from '../__fixtures__/transport-app.js';
import { coded, Collector, deferred } from '../__fixtures__/waiting.js';
import type { DeadLetterEvent } from '../events.js';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import { TopicsService } from '../topics.service.js';
import { MemoryAdapter, type MemoryDisk } from '../testing/index.js';
import { GENROCKS_TRANSPORT, GenRocksContext, GenRocksRecord } from './index.js';

const seen = new Collector<unknown>();
beforeEach(() => void seen.items.splice(0));

describe('@EventPattern over topics', () => {
  it('passes events through the pipeline, and commits them after their handler', async () => {
    const gate = deferred();
    const guard: CanActivate = {
      canActivate: (context: ExecutionContext) => !(context.switchToRpc().getData<OrderDto>().id >= 100),
    };
    const interceptor: NestInterceptor = {
      intercept: (_context, next: CallHandler) => {
        seen.push('before');
        return next.handle();
      },
    };
    @Controller()
    class Billing {
      @EventPattern<string>('orders')
      @UseGuards(guard)
      @UseInterceptors(interceptor)
      async bill(@Payload() order: OrderDto, @Ctx() context: GenRocksContext): Promise<void> {
        seen.push([order, context.getTopic(), context.getPartition(), context.getHeaders()['x']]);
        if (order.id === 2) await gate.promise;
      }
    }
    const kit = await start([Billing], { group: 'billing' });
    const lost = new Collector<DeadLetterEvent>();
    kit.topics.events.on('dead-letter', (event) => lost.push(event));
    const record = new GenRocksRecord({ id: 1 }, { key: 'k', headers: { x: 'y' } });
    expect(await firstValueFrom(client().emit('orders', record))).toMatchObject({
      topic: 'orders',
      offset: 0,
    });
    await firstValueFrom(client().emit('orders', { id: 2 }));
    await seen.atLeast(4);
    expect(seen.items.slice(0, 2)).toEqual(['before', [{ id: 1 }, 'orders', 0, 'y']]);
    expect((seen.items[1] as [unknown])[0]).toBeInstanceOf(OrderDto);
    await kit.topics.consumerGroups.find(({ group }) => group === 'billing')!.commit();
    expect(kit.topics.groups.committed('billing', 'orders', 0)?.offset).toBe(1);
    gate.resolve();
    await kit.drain();
    expect(kit.topics.groups.committed('billing', 'orders', 0)?.offset).toBe(2);
    // A message that a pipe refuses is not retried; one that a guard refuses is.
    await firstValueFrom(client().emit('orders', { id: 'x' }));
    await firstValueFrom(client().emit('orders', { id: 500 }));
    await kit.drain();
    expect(await lost.atLeast(2)).toMatchObject([
      { offset: 2, attempts: 1 },
      { offset: 3, attempts: 5 },
    ]);
  });

  it("retries by the options of the group, and a dead letter has the handler's error", async () => {
    @Controller()
    class Shaky {
      @EventPattern<string>('jobs')
      run(@Payload() job: string, @Ctx() context: GenRocksContext): Observable<never> | void {
        seen.push([job, context.getHandlerContext().attempt]);
        if (job === 'wait') throw new RetryAfter(7_000);
        if (job === 'refuse') throw new RejectMessage('not this one');
        if (job === 'rpc') throw new RpcException('busy');
        if (job === 'stream') return throwError(() => new Error('in the stream'));
      }
    }
    const kit = await start([Shaky], { groups: { nest: { retry: { attempts: 2 } } } });
    const pauses: (number | null)[] = [];
    kit.topics.events.on('handler-error', ({ retryInMs }) => pauses.push(retryInMs));
    for (const job of ['refuse', 'wait', 'rpc', 'stream', 'fine']) {
      await firstValueFrom(client().emit('jobs', job));
    }
    await kit.drain();
    const dead = await kit.topics.deadLetters.list('jobs.dlq');
    const facts = dead.map(
      ({ message, error, attempts }) => [String(message.value), error, attempts] as const,
    );
    expect(facts.sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ['refuse', 'MESSAGE_REJECTED', 1],
      ['rpc', 'Error', 2],
      ['stream', 'Error', 2],
      ['wait', 'RETRY_AFTER', 2],
    ]);
    expect(pauses).toContain(7_000);
  });

  it('lets a filter handle an error, or replace it', async () => {
    @Catch(RangeError)
    class Forgives implements ExceptionFilter {
      catch(_error: RangeError, host: ArgumentsHost): Observable<never> {
        seen.push(host.getType());
        return EMPTY;
      }
    }
    @Catch(TypeError)
    class Rejects implements ExceptionFilter {
      catch(error: TypeError): Observable<never> {
        return throwError(() => new RejectMessage('by the filter', error));
      }
    }
    @Controller()
    @UseFilters(Forgives, Rejects)
    class Filtered {
      @EventPattern('filtered')
      run(@Payload() kind: string): void {
        if (kind === 'range') throw new RangeError(kind);
        throw new TypeError(kind);
      }
    }
    const kit = await start([Filtered]);
    for (const kind of ['range', 'type']) await firstValueFrom(client().emit('filtered', kind));
    await kit.drain();
    expect(seen.items).toEqual(['rpc']);
    const dead = await kit.topics.deadLetters.list('filtered.dlq');
    expect(dead.map(({ message, error, attempts }) => [message.value, error, attempts])).toEqual([
      ['type', 'MESSAGE_REJECTED', 1],
    ]);
  });

  it('serves several handlers and groups of a topic, wildcards, and patterns that are not topic names', async () => {
    @Controller()
    class Many {
      @EventPattern('shop.paid')
      first(@Payload() data: unknown): void {
        seen.push(['first', data]);
      }
      @EventPattern('shop.paid')
      second(@Payload() data: unknown): void {
        seen.push(['second', data]);
      }
      @EventPattern<string>('shop.*', GENROCKS_TRANSPORT, { group: 'audit' })
      audit(@Payload() data: unknown, @Ctx() context: GenRocksContext): void {
        seen.push(['audit', context.getTopic(), data]);
      }
      @EventPattern(/^shop\.s/ as never, GENROCKS_TRANSPORT, { group: 'shipping' })
      ship(@Payload() data: unknown): void {
        seen.push(['ship', data]);
      }
      @EventPattern({ cmd: 'clean up', zone: 1 })
      object(@Payload() data: unknown): void {
        seen.push(['object', data]);
      }
      @EventPattern('other', Symbol('another transport'))
      foreign(_data: unknown): void {
        seen.push('never');
      }
    }
    const kit = await start([Many]);
    await firstValueFrom(client().emit('shop.paid', 1));
    await firstValueFrom(client().emit('shop.sent', 2));
    await firstValueFrom(client().emit({ zone: 1, cmd: 'clean up' }, 3));
    await firstValueFrom(client().emit('other', 4));
    await kit.drain();
    const key = (item: unknown) => JSON.stringify(item);
    expect(seen.items.map(key).sort()).toEqual(
      [
        ['audit', 'shop.paid', 1],
        ['audit', 'shop.sent', 2],
        ['first', 1],
        ['object', 3],
        ['second', 1],
        ['ship', 2],
      ].map(key),
    );
    expect(kit.topics.listTopics().map(({ name }) => name)).toContainEqual(
      expect.stringMatching(/^rpc\.cmd-clean-up-zone-1\.[0-9a-f]{12}$/),
    );
    await expect(firstValueFrom(client().emit('shop.*', 1))).rejects.toThrowError(coded('INVALID_CONFIG'));
  });

  it('redelivers unfinished events after a restart, and no others', async () => {
    const disk: MemoryDisk = new Map();
    let stuck = true;
    @Controller()
    class Slow {
      @EventPattern('slow')
      run(@Payload() n: number): Promise<void> | void {
        seen.push(n);
        if (stuck && n === 2) return new Promise(() => {});
      }
    }
    const first = await start([Slow], { adapter: new MemoryAdapter(disk), drainTimeoutMs: 0 });
    for (const n of [1, 2, 3]) await firstValueFrom(client().emit('slow', n));
    await seen.atLeast(2);
    await first.topics.consumerGroups[0]!.commit();
    await app.close();
    stuck = false;
    const second = await start([Slow], { adapter: new MemoryAdapter(disk) });
    await second.drain();
    expect(seen.items).toEqual([1, 2, 2, 3]);
  });

  it('begins with the bootstrap, and handles events published before', async () => {
    @Controller()
    class Early {
      @EventPattern('early')
      run(@Payload() n: number): void {
        seen.push(n);
      }
    }
    const kit = await start([Early], {
      beforeStart: () => expect(app.get(TopicsService).consumerGroups).toEqual([]),
    });
    expect(kit.topics.consumerGroups.map(({ state }) => state)).toEqual(['running']);
    await firstValueFrom(client().emit('early', 1));
    await kit.drain();
    expect(seen.items).toEqual([1]);
  });
});
