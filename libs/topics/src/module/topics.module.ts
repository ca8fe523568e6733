import { type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { InvalidConfigError } from '@genrocks/storage';
import { DrainFirst, DrainFirstModule } from '../nest/drain-first.js';
import { HandlerPipeline } from '../nest/handler-pipeline.js';
import { NameResolver } from '../nest/name-resolver.js';
import { SubscriptionExplorer } from '../nest/subscription.explorer.js';
import type { TopicDefinition } from '../options.js';
import type { Topic } from '../topic.js';
import { TopicsService } from '../topics.service.js';
import { getTopicToken } from '../topics.tokens.js';
import { TopicsModuleBase, type TopicsModuleOptions } from './topics.module-definition.js';

/**
 * Topics and consumer groups for a Nest application, on a storage adapter of your choice.
 *
 * @example
 * TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir: './data' }), topics: [{ name: 'orders' }] })
 *
 * @publicApi
 */
@Module({
  imports: [DiscoveryModule, DrainFirstModule],
  providers: [TopicsService, NameResolver, HandlerPipeline, SubscriptionExplorer],
  exports: [TopicsService, SubscriptionExplorer],
})
export class TopicsModule extends TopicsModuleBase {
  constructor(topics: TopicsService, drainFirst: DrainFirst) {
    super();
    drainFirst.add(() => topics.onModuleDestroy());
  }

  /**
   * Opens the storage and provides {@link TopicsService}; once, in the root module.
   * @throws `INVALID_CONFIG` for a missing or wrong `storage` at once, for other options when the application starts
   */
  static override forRoot(options: TopicsModuleOptions): DynamicModule {
    // JavaScript callers may leave them out.
    const given = options as TopicsModuleOptions | undefined;
    return super.forRoot(given ?? ({} as TopicsModuleOptions));
  }

  /**
   * Provides topics for `@InjectTopic`. Topics that do not exist are created on start: with their definition, or with
   * defaults by name alone, if `autoCreateTopics` allows it. Topics of a module loaded later (`LazyModuleLoader`) are created
   * when it is loaded.
   */
  static forFeature(topics: readonly (string | TopicDefinition)[]): DynamicModule {
    const given: unknown = topics;
    if (!Array.isArray(given)) {
      throw new InvalidConfigError([
        "TopicsModule.forFeature: give an array, such as forFeature(['orders'])",
      ]);
    }
    const definitions = topics.map((topic) => (typeof topic === 'string' ? { name: topic } : topic));
    return {
      module: TopicsFeatureModule,
      providers: definitions.flatMap((definition) => {
        // A value, not a closure: with `deep-hash`, Nest tells modules apart by their visible metadata.
        const asked = `GENROCKS_TOPIC_DEFINITION_${definition.name}`;
        return [
          { provide: asked, useValue: definition },
          {
            provide: getTopicToken(definition.name),
            inject: [{ token: TopicsService, optional: true }, asked],
            useFactory: topicOf,
          },
        ];
      }),
      exports: definitions.map(({ name }) => getTopicToken(name)),
    };
  }
}

function topicOf(service: TopicsService | undefined, definition: TopicDefinition): Topic | Promise<Topic> {
  if (service !== undefined) return service.feature(definition);
  throw new InvalidConfigError([
    `topics.${definition.name}: no module of this application imports TopicsModule.forRoot(), or one does with ` +
      'isGlobal: false; import it in the root module',
  ]);
}

/** Holds the providers of a `forFeature` call. */
@Module({})
class TopicsFeatureModule {}
