import 'reflect-metadata';
import type { ModuleRef } from '@nestjs/core';
import { InvalidConfigError } from '@genrocks/storage';
import type { ConsumerGroupOptions, TopicPattern } from '../groups/group.types.js';

/**
 * A topic by name, by a pattern with `*`, by a regular expression, or by a function of the application, such as
 * `(ref) => ref.get(ConfigService, { strict: false }).get('ORDERS_TOPIC')`. In names `${NAME}` or `${NAME:default}`
 * stands for what the application's ConfigService, or else the environment, has under that name.
 */
export type SubscribeTopic = TopicPattern | ((ref: ModuleRef) => TopicPattern | readonly TopicPattern[]);

/** As for `startConsumerGroup`, where the decorated method is the handler. */
export interface SubscribeOptions extends Omit<
  ConsumerGroupOptions,
  'topics' | 'handler' | 'batchHandler' | 'batchSize'
> {
  /** Hands messages over in batches: true, or how many at most. Default false. */
  batch?: boolean | number;
}

/** What `@Subscribe` leaves on a method. @internal */
export interface Subscription {
  readonly topics: readonly SubscribeTopic[];
  readonly options: SubscribeOptions;
}

const SUBSCRIPTIONS = Symbol('GENROCKS_SUBSCRIPTIONS');

/**
 * Makes a method of a provider or controller the handler of a consumer group. It runs through Nest's pipeline: guards,
 * interceptors, pipes (for parameters with a decorator such as `@MessageValue()`), filters. Without parameter decorators
 * it gets the message (or the batch) and its context. It may be used several times, for several groups.
 *
 * An error that leaves the method is a failed try. Where a pipe has refused the message (`BadRequestException`,
 * `UnprocessableEntityException`) no other try is made, unless `retry.retryIf` says so.
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
      throw new InvalidConfigError([`${where}: the method is static; handlers are methods of providers`]);
    if (list.length === 0 || !list.every(isTopic)) {
      throw new InvalidConfigError([
        `${where}: give a topic by name, pattern, RegExp or function, or several`,
      ]);
    }
    if (typeof options?.group !== 'string')
      throw new InvalidConfigError([`${where}: give the name of a group`]);
    // Of the class, not of the function: other decorators put functions of their own in its place.
    const before = subscriptionsOf(target, property);
    Reflect.defineMetadata(SUBSCRIPTIONS, [...before, { topics: list, options }], target, property);
  };
}

/** Of the class that has the method: one that overrides it has no part in them. @internal */
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
