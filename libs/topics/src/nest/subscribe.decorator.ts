import 'reflect-metadata';
import type { ModuleRef } from '@nestjs/core';
import { InvalidConfigError } from '@genrocks/storage';
import type { ConsumerGroupOptions, TopicPattern } from '../groups/group.types.js';

/**
 * A topic given by name, by a pattern with `*`, by a regular expression, or by a function of the application, such as
 * `(ref) => ref.get(ConfigService, { strict: false }).get('ORDERS_TOPIC')`. In names, `${NAME}` and `${NAME:default}` are
 * replaced with the value from the application's ConfigService, or else from the environment.
 */
export type SubscribeTopic = TopicPattern | ((ref: ModuleRef) => TopicPattern | readonly TopicPattern[]);

/** Options of `startConsumerGroup`; the decorated method is the handler. */
export interface SubscribeOptions extends Omit<
  ConsumerGroupOptions,
  'topics' | 'handler' | 'batchHandler' | 'batchSize'
> {
  /** Passes messages in batches: true for up to 100, or the maximum number. Default false. */
  batch?: boolean | number;
}

/** The metadata that `@Subscribe` sets. @internal */
export interface Subscription {
  readonly topics: readonly SubscribeTopic[];
  readonly options: SubscribeOptions;
}

const SUBSCRIPTIONS = Symbol('GENROCKS_SUBSCRIPTIONS');

/**
 * Makes a method of a provider or controller the handler of a consumer group. Calls pass through Nest's pipeline: guards,
 * interceptors, pipes (for parameters with a decorator such as `@MessageValue()`), filters. Without parameter decorators,
 * the method gets the message (or the batch) and its context. A method may have several `@Subscribe`, for several groups.
 *
 * An error thrown by the method is a failed try. A message that a pipe refuses (`BadRequestException`,
 * `UnprocessableEntityException`) is not retried, unless `retry.retryIf` says so.
 *
 * @example
 * \@Subscribe('orders', { group: 'billing', concurrency: 4 })
 * bill(\@MessageValue() order: OrderDto, \@MessageKey() key: string) {}
 *
 * @publicApi
 */
export function Subscribe(
  topics: SubscribeTopic | readonly SubscribeTopic[],
  options: SubscribeOptions,
): MethodDecorator {
  const list = Array.isArray(topics) ? (topics as readonly SubscribeTopic[]) : [topics as SubscribeTopic];
  return (target, property) => {
    const isStatic = typeof target === 'function';
    const where = `@Subscribe on ${isStatic ? target.name : target.constructor.name}.${String(property)}`;
    if (isStatic)
      throw new InvalidConfigError([`${where}: the method is static; make it an instance method`]);
    if (list.length === 0 || !list.every(isTopic)) {
      throw new InvalidConfigError([
        `${where}: name a topic, or a list, each by name, pattern, RegExp or function`,
      ]);
    }
    if (typeof options?.group !== 'string')
      throw new InvalidConfigError([`${where}: name the consumer group (the option group)`]);
    // On the class, not on the function: other decorators may replace the function.
    const before = subscriptionsOf(target, property);
    Reflect.defineMetadata(SUBSCRIPTIONS, [...before, { topics: list, options }], target, property);
  };
}

/** The subscriptions of the class that defines the method; an overriding method does not inherit them. @internal */
export function subscriptionsOf(prototype: object, property: PropertyKey): readonly Subscription[] {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, property))
    owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) return [];
  const key = property as string | symbol;
  return (Reflect.getOwnMetadata(SUBSCRIPTIONS, owner, key) as readonly Subscription[] | undefined) ?? [];
}

function isTopic(topic: unknown): boolean {
  return typeof topic === 'string' || typeof topic === 'function' || topic instanceof RegExp;
}
