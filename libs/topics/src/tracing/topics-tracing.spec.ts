import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Collector } from '../__fixtures__/waiting.js';
import { FullMessage, MessageKey, Subscribe } from '../index.js';
import type { Message } from '../message.js';
import { TopicsTester, TopicsTestingModule } from '../testing/index.js';
import { TopicsTracingModule } from './index.js';

const seen = new Collector<[Message, traceId: string | undefined]>();

@Injectable()
class Traced {
  @Subscribe('orders', { group: 'billing', retry: { attempts: 2 } })
  async bill(@FullMessage() message: Message, @MessageKey() key: string | null): Promise<void> {
    await Promise.resolve();
    seen.push([message, trace.getActiveSpan()?.spanContext().traceId]);
    if (key === 'bad') throw new TypeError('no');
  }
}

let app: TestingModule;
let exporter: InMemorySpanExporter;

async function start(): Promise<TopicsTester> {
  @Module({ imports: [TopicsTestingModule.forRoot(), TopicsTracingModule], providers: [Traced] })
  class AppModule {}
  app = await (await Test.createTestingModule({ imports: [AppModule] }).compile()).init();
  return TopicsTester.of(app);
}

const named = (name: string): ReadableSpan[] =>
  exporter.getFinishedSpans().filter((span) => span.name === name);

beforeEach(() => void seen.items.splice(0));
afterEach(async () => {
  await app.close();
  trace.disable();
  context.disable();
  propagation.disable();
});

describe('without an SDK', () => {
  it('adds nothing to a message', async () => {
    const kit = await start();
    await kit.topics.publish('orders', { value: 1, headers: { own: 'x' } });
    await kit.drain();
    expect(seen.items).toMatchObject([[{ headers: { own: 'x' } }, undefined]]);
    expect(Object.keys(seen.items[0]![0].headers)).toEqual(['own']);
  });
});

describe('with an SDK', () => {
  beforeEach(() => {
    exporter = new InMemorySpanExporter();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
  });

  it('runs a handler in the trace of the publisher', async () => {
    const kit = await start();
    const span = trace.getTracer('test').startSpan('request');
    await context.with(trace.setSpan(context.active(), span), () =>
      kit.topics.publish('orders', { key: 'k', value: 1, headers: { own: 'x' } }),
    );
    span.end();
    await kit.drain();
    const { traceId } = span.spanContext();
    expect(seen.items).toMatchObject([[{ value: 1, headers: { own: 'x' } }, traceId]]);
    const [published] = named('publish orders');
    const [processed] = named('process orders');
    expect(published).toMatchObject({
      kind: SpanKind.PRODUCER,
      parentSpanContext: { spanId: span.spanContext().spanId },
      attributes: {
        'messaging.system': 'genrocks',
        'messaging.destination.name': 'orders',
        'messaging.operation.type': 'send',
      },
    });
    expect(seen.items[0]![0].headers['traceparent']).toBe(
      `00-${traceId}-${published!.spanContext().spanId}-01`,
    );
    expect(processed).toMatchObject({
      kind: SpanKind.CONSUMER,
      parentSpanContext: { spanId: published!.spanContext().spanId, traceId, isRemote: true },
      attributes: {
        'messaging.consumer.group.name': 'billing',
        'messaging.destination.partition.id': '0',
        'messaging.operation.type': 'process',
      },
    });
  });

  it('takes the context of another client, and keeps existing headers', async () => {
    const kit = await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await kit.topics.publish('orders', { value: 1, headers: { traceparent, tracestate: 'a=1' } });
    await kit.drain();
    expect(seen.items).toMatchObject([
      [{ headers: { traceparent, tracestate: 'a=1' } }, '0af7651916cd43dd8448eb211c80319c'],
    ]);
  });

  it('records failures, one span per try', async () => {
    const kit = await start();
    await kit.topics.publish('orders', { key: 'bad', value: 1 });
    await kit.drain();
    const tries = named('process orders');
    expect(tries.map(({ attributes }) => attributes['genrocks.attempt'])).toEqual([1, 2]);
    for (const { status, attributes, events } of tries) {
      expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' });
      expect(attributes['error.type']).toBe('TypeError');
      expect(events).toMatchObject([{ name: 'exception' }]);
    }
    await expect(kit.topics.publish('orders', { value: undefined })).rejects.toThrow();
    expect(named('publish orders').at(-1)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'CODEC_FAILED' },
    });
    // The dead letter continues the trace.
    const [dead] = await kit.topics.deadLetters.list('orders.dlq');
    expect(dead!.message.headers['traceparent']).toMatch(/^00-/);
  });

  it('links a batch to its messages', async () => {
    const kit = await start();
    const sizes = new Collector<number>();
    await kit.topics.startConsumerGroup({
      group: 'batches',
      topics: ['many'],
      batchHandler: (messages) => sizes.push(messages.length),
    });
    await kit.topics.publishBatch('many', [{ value: 1 }, { value: 2 }, { value: 3 }]);
    await kit.drain();
    const [published] = named('publish many');
    expect(published!.attributes['messaging.batch.message_count']).toBe(3);
    const spans = named('process many');
    const links = spans.flatMap((span) => span.links.map(({ context: { spanId } }) => spanId));
    if (sizes.items[0] === 3) {
      expect(links).toEqual([1, 2, 3].map(() => published!.spanContext().spanId));
      expect(spans[0]!.parentSpanContext).toBeUndefined();
    }
  });
});
