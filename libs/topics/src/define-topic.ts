import type { TopicDefinition } from './options.js';
import type { SchemaValue } from './schema/topic-schema.js';
import type { Topic } from './topic.js';

/**
 * Returns the definition with its exact type, for `forFeature`, `forRoot`, {@link TopicOf} and `@InjectTopic`.
 *
 * @example
 * export const orders = defineTopic({ name: 'orders', schema: OrderDto });
 * // TopicsModule.forFeature([orders])
 * export type Orders = TopicOf<typeof orders>;
 * // constructor(@InjectTopic(orders) private readonly orders: Orders) {}
 *
 * @publicApi
 */
export function defineTopic<const D extends TopicDefinition>(definition: D): D {
  return definition;
}

/** The {@link Topic} of a definition, typed by the output of its schema. */
export type TopicOf<D extends { readonly name: string }> = Topic<
  D extends { readonly schema: infer S } ? SchemaValue<S> : unknown
>;
