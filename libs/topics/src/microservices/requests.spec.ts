import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import {
  concat,
  finalize,
  interval,
  lastValueFrom,
  map,
  type Observable,
  of,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { app, ask, client, OrderDto, start } from '../__fixtures__/transport-app.js';
import { coded, Collector, deferred, settled } from '../__fixtures__/waiting.js';
import { MemoryAdapter, type MemoryDisk, TopicsTester } from '../testing/index.js';
import { RpcHeader } from './transport.js';

const seen = new Collector<unknown>();
beforeEach(() => void seen.items.splice(0));

describe('@MessagePattern over topics', () => {
  @Controller()
  class Calculator {
    @MessagePattern('sum')
    sum(@Payload() numbers: number[]): number {
      return numbers.reduce((a, b) => a + b, 0);
    }
    @MessagePattern({ cmd: 'later' })
    async later(@Payload() value: unknown): Promise<unknown> {
      await settled();
      return value === 'nothing' ? undefined : value === 'null' ? null : { value };
    }
    @MessagePattern('count')
    count(@Payload() to: number): Observable<number> {
      return of(...Array.from({ length: to }, (_, i) => i));
    }
    @MessagePattern('fail')
    fail(@Payload() how: string): unknown {
      if (how === 'rpc') throw new RpcException({ status: 'error', message: 'no funds', missing: 3 });
      if (how === 'text') throw new RpcException('plain');
      if (how === 'error') throw new Error('secret');
      if (how === 'codec') return { big: 1n };
      return concat(
        of(1, 2),
        throwError(() => new RpcException('in the middle')),
      );
    }
    @MessagePattern('order')
    order(@Payload() order: OrderDto): number {
      return order.id;
    }
  }

  it('answers with values, promises, several replies or nothing, also for object patterns', async () => {
    await start([Calculator]);
    expect(await ask('sum', [1, 2, 3])).toBe(6);
    expect(await ask({ cmd: 'later' }, 5)).toEqual({ value: 5 });
    expect(await ask({ cmd: 'later' }, 'null')).toBeNull();
    await expect(ask({ cmd: 'later' }, 'nothing')).rejects.toThrow(/no elements/);
    expect(await lastValueFrom(client().send('count', 5).pipe(toArray()))).toEqual([0, 1, 2, 3, 4]);
    expect(await lastValueFrom(client().send('count', 0).pipe(toArray()))).toEqual([]);
    const many = await Promise.all(Array.from({ length: 50 }, (_, i) => ask('sum', [i, i])));
    expect(many).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
  });

  it('carries errors back, including those of pipes and of storing the reply', async () => {
    await start([Calculator]);
    const error = (how: string) => ask('fail', how).then(undefined, (reason: unknown) => reason);
    expect(await error('rpc')).toEqual({ status: 'error', message: 'no funds', missing: 3 });
    expect(await error('text')).toEqual({ status: 'error', message: 'plain' });
    expect(await error('error')).toEqual({ status: 'error', message: 'Internal server error' });
    expect(await error('codec')).toMatchObject({ code: 'CODEC_FAILED' });
    const values: unknown[] = [];
    const middle = client().send('fail', 'middle');
    await expect(lastValueFrom(middle.pipe(map((value) => values.push(value))))).rejects.toEqual({
      status: 'error',
      message: 'in the middle',
    });
    expect(values).toEqual([1, 2]);
    await expect(ask('order', { id: 'x' })).rejects.toMatchObject({ status: 'error' });
    expect(await ask('order', { id: 4 })).toBe(4);
    const kit = TopicsTester.of(app);
    await kit.drain();
    expect(kit.topics.listTopics().filter(({ name }) => name.endsWith('.dlq'))).toEqual([]);
  });

  it('the server stops answers that nobody waits for', async () => {
    const ended = deferred();
    @Controller()
    class Ticker {
      @MessagePattern('ticks')
      ticks(): Observable<number> {
        return interval(1).pipe(finalize(() => ended.resolve()));
      }
    }
    await start([Ticker], { drainTimeoutMs: 0 });
    const ticks = await lastValueFrom(client().send('ticks', {}).pipe(take(3), toArray()));
    expect(ticks).toEqual([0, 1, 2]);
    await ended.promise;
  });

  it('the client gives up when no answer comes', async () => {
    @Controller()
    class Silence {
      @MessagePattern('silent')
      silent(): Promise<never> {
        return new Promise(() => {});
      }
    }
    await start([Silence], { client: { timeoutMs: 40 }, drainTimeoutMs: 0 });
    await expect(ask('silent', {})).rejects.toThrowError(coded('REQUEST_TIMEOUT'));
    await expect(ask('nobody.there', {})).rejects.toThrowError(coded('REQUEST_TIMEOUT'));
  });

  it('an unreadable reply fails its own request only', async () => {
    const { topics } = await start([Calculator], { client: { timeoutMs: 5_000 } });
    // As from a Kafka client that answers in its own format.
    const foreign = ask('foreign', {});
    await expect
      .poll(() => topics.hasTopic('foreign') && topics.topic('foreign').partition(0).endOffset)
      .toBe(1);
    const { messages } = await topics.topic('foreign').partition(0).readMessages({ offset: 0 });
    const { headers } = messages[0]!;
    await topics.publish(headers[RpcHeader.replyTopic]!, {
      value: Buffer.from('no JSON'),
      partition: Number(headers[RpcHeader.replyPartition]),
      headers: { [RpcHeader.correlationId]: headers[RpcHeader.correlationId]! },
    });
    await expect(foreign).rejects.toThrowError(coded('CODEC_FAILED'));
    expect(await ask('sum', [1, 2])).toBe(3);
  });

  it('does not handle a request whose client ended with a restart', async () => {
    const disk: MemoryDisk = new Map();
    @Controller()
    class Once {
      @MessagePattern('once')
      once(@Payload() n: number): number {
        seen.push(n);
        return n;
      }
    }
    await start([], { adapter: new MemoryAdapter(disk), client: { timeoutMs: 1 } });
    await expect(ask('once', 1)).rejects.toThrowError(coded('REQUEST_TIMEOUT'));
    await app.close();
    const kit = await start([Once], { adapter: new MemoryAdapter(disk) });
    expect(await ask('once', 2)).toBe(2);
    await kit.drain();
    expect(seen.items).toEqual([2]);
  });

  it('closes and connects again; waiting requests fail', async () => {
    @Controller()
    class Slow {
      @MessagePattern('wait')
      async wait(@Payload() ms: number): Promise<number> {
        if (ms > 0) await new Promise(() => {});
        return ms;
      }
    }
    await start([Slow], { drainTimeoutMs: 0 });
    const states: string[] = [];
    client().status.subscribe((state) => states.push(state));
    const waiting = ask('wait', 1);
    await settled();
    await client().close();
    await expect(waiting).rejects.toThrowError(coded('CLIENT_CLOSED'));
    await client().close();
    expect(await ask('wait', 0)).toBe(0);
    expect(states).toEqual(['connected', 'disconnected', 'connected']);
    const last = ask('wait', 1).catch((error: unknown) => error);
    await settled();
    await app.close();
    expect(await last).toMatchObject({ code: expect.stringMatching(/CLIENT_CLOSED|TIMEOUT/) as string });
  });

  it('keeps replies in memory, and not for long', async () => {
    @Controller()
    class Echo {
      @MessagePattern('echo')
      echo(@Payload() n: number): Observable<number> {
        return of(...Array.from({ length: 600 }, () => n));
      }
    }
    const adapter = new MemoryAdapter();
    const kit = await start([Echo], { adapter });
    const replies = () =>
      kit.topics.topic('genrocks.replies').partitions.map((p) => p.endOffset - p.startOffset);
    const rounds = async (count: number) => {
      for (let i = 0; i < count; i++) await lastValueFrom(client().send('echo', i));
    };
    await rounds(5);
    await expect.poll(() => Math.max(...replies())).toBeLessThanOrEqual(1_000);
    // One request waits all the time.
    const held = client().send('nobody', 1).subscribe();
    await settled();
    await rounds(5);
    held.unsubscribe();
    await expect.poll(() => Math.max(...replies())).toBeLessThanOrEqual(2_000);
  });
});
