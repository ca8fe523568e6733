import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { isError, isGenRocksError } from '@genrocks/storage';
import { messageOf } from '../errors.js';
import { type HandlerCall, type Instrumentation, whenHandled } from '../instrumentation.js';
import type { Message, PublishMessage } from '../message.js';
import type { TopicsService } from '../topics.service.js';
import { type Carrier, headerGetter, headerSetter } from './trace-headers.js';

/** Maximum number of messages of a batch that its span links to. */
const MAX_LINKS = 128;

/**
 * Propagates OpenTelemetry trace context with messages, in the W3C headers `traceparent` and `tracestate` (or those of the
 * registered propagator): a handler runs in the context of its message's publisher.
 *
 * The registered tracer provider makes the spans: `publish <topic>` around each publish call, and `process <topic>` around
 * each handler call; the span of a batch links to its first 128 messages. Without a registered SDK, nothing is added.
 *
 * @publicApi
 */
export class TopicsTracing implements Instrumentation {
  private readonly tracer: Tracer = trace.getTracer('@genrocks/topics');

  constructor(topics: TopicsService) {
    topics.instrument(this);
  }

  /** @internal */
  async publish<R>(
    topic: string,
    messages: readonly PublishMessage[],
    run: (messages: readonly PublishMessage[]) => Promise<R>,
  ): Promise<R> {
    const attributes = {
      ...common(topic, 'send', 'publish'),
      ...(messages.length === 1 ? {} : { 'messaging.batch.message_count': messages.length }),
    };
    const span = this.tracer.startSpan(`publish ${topic}`, { kind: SpanKind.PRODUCER, attributes });
    const active = trace.setSpan(context.active(), span);
    try {
      // Called synchronously, so that publishes keep the order of the calls.
      return await run(inject(active, messages));
    } catch (error) {
      failed(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  /** @internal */
  handle(
    { messages, context: { group, topic, partition, attempt } }: HandlerCall,
    run: () => unknown,
  ): unknown {
    const [first] = messages;
    const single = messages.length === 1 ? first : undefined;
    const parent = single === undefined ? ROOT_CONTEXT : extract(single);
    const attributes: Attributes = {
      ...common(topic, 'process', 'process'),
      'messaging.consumer.group.name': group,
      'messaging.destination.partition.id': String(partition),
      'genrocks.attempt': attempt,
      ...(single === undefined
        ? { 'messaging.batch.message_count': messages.length }
        : { 'genrocks.offset': single.offset }),
    };
    const links = single === undefined ? linksOf(messages) : [];
    const span = this.tracer.startSpan(
      `process ${topic}`,
      { kind: SpanKind.CONSUMER, attributes, links },
      parent,
    );
    return context.with(trace.setSpan(parent, span), () =>
      whenHandled(run, (ok, error) => {
        if (!ok) failed(span, error);
        span.end();
      }),
    );
  }
}

function common(topic: string, type: string, operation: string): Attributes {
  return {
    'messaging.system': 'genrocks',
    'messaging.destination.name': topic,
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
  };
}

/** Adds the context to the headers of messages; the caller's own headers win. */
function inject(active: Context, messages: readonly PublishMessage[]): readonly PublishMessage[] {
  const carrier: Carrier = {};
  propagation.inject(active, carrier, headerSetter);
  if (Object.keys(carrier).length === 0) return messages;
  return messages.map((message) =>
    // Other values are refused later, where all messages are checked.
    typeof message === 'object' && message !== null
      ? { ...message, headers: { ...carrier, ...message.headers } }
      : message,
  );
}

function extract(message: Message): Context {
  return propagation.extract(ROOT_CONTEXT, message, headerGetter);
}

function linksOf(messages: readonly Message[]) {
  return messages.slice(0, MAX_LINKS).flatMap((message) => {
    const spanContext = trace.getSpanContext(extract(message));
    return spanContext === undefined ? [] : [{ context: spanContext }];
  });
}

function failed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  if (isError(error)) span.recordException(error);
  const type = isGenRocksError(error) ? error.code : isError(error) ? error.name : typeof error;
  span.setAttribute('error.type', type);
}
