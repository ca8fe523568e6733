import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { InvalidConfigError, isGenRocksError } from '@genrocks/storage';
import { InvalidGroupError } from '../errors.js';
import type { ConsumerGroup } from '../groups/consumer-group.js';
import type { ConsumerGroupOptions, TopicPattern } from '../groups/group.types.js';
import { TopicsService } from '../topics.service.js';
import { MANUAL_REGISTRATION } from '../topics.tokens.js';
import { HandlerPipeline } from './handler-pipeline.js';
import { NameResolver } from './name-resolver.js';
import { HandlerOwners } from './handler-owners.js';
import { assertMessageParams } from './message-params.decorator.js';
import { withRefusals } from './refusals.js';
import { type SubscribeTopic, type Subscription, subscriptionsOf } from './subscribe.decorator.js';

/** Tokens under which Nest stores application-wide enhancers. */
const GLOBAL_ENHANCER = /^APP_(GUARD|PIPE|INTERCEPTOR|FILTER)\b/;

/**
 * Binds the methods with `@Subscribe` of all providers and controllers. Groups are registered when the module starts, so
 * that a mistake stops the start, and begin after bootstrap.
 *
 * @publicApi
 */
@Injectable()
export class SubscriptionExplorer implements OnModuleInit {
  private readonly bound = new Set<string>();

  constructor(
    private readonly topics: TopicsService,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly pipeline: HandlerPipeline,
    private readonly names: NameResolver,
    private readonly moduleRef: ModuleRef,
    private readonly modules: ModulesContainer,
    @Inject(MANUAL_REGISTRATION) private readonly manual: boolean,
  ) {
    this.assertOneService();
  }

  async onModuleInit(): Promise<void> {
    if (!this.manual) await this.register();
  }

  /**
   * Binds the handlers that are not bound yet: with `manualRegistration` all of them, otherwise those of modules loaded
   * later (`LazyModuleLoader`), which Nest does not announce. If the application has several `TopicsModule` with
   * `isGlobal: false`, a handler belongs to the one its module imports.
   * @throws `INVALID_CONFIG`, `INVALID_GROUP`
   */
  async register(): Promise<ConsumerGroup[]> {
    const groups: ConsumerGroup[] = [];
    const owners = new HandlerOwners(this.modules);
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype = prototypeOf(wrapper);
      if (prototype === undefined) continue;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        const subscriptions = subscriptionsOf(prototype, name);
        if (subscriptions.length === 0 || this.bound.has(`${wrapper.id}.${name}`)) continue;
        const where = `@Subscribe on ${wrapper.name}.${name}`;
        if (!owners.isHandledBy(this.topics, wrapper.host, where)) continue;
        assertStatic(wrapper, where);
        assertMessageParams(wrapper.instance as object, name, where);
        this.assertStaticEnhancers(where);
        this.bound.add(`${wrapper.id}.${name}`);
        const handler = this.pipeline.handler(wrapper, name);
        for (const subscription of subscriptions) {
          groups.push(await this.start(this.options(subscription, handler, where), where));
        }
      }
    }
    return groups;
  }

  /** Adds the name of the handler to the error. */
  private async start(options: ConsumerGroupOptions, where: string): Promise<ConsumerGroup> {
    try {
      return await this.topics.startConsumerGroup(options);
    } catch (error) {
      if (!isGenRocksError(error, 'INVALID_GROUP')) throw error;
      throw new InvalidGroupError(`${where}: ${error.message}`);
    }
  }

  /** Two global services would subscribe every handler twice, and neither would see the other's topics. */
  private assertOneService(): void {
    const services = this.discovery
      .getProviders()
      .filter(({ token, host }) => token === TopicsService && host?.isGlobal === true);
    if (services.length < 2) return;
    throw new InvalidConfigError([
      'topics: this application imports TopicsModule.forRoot() twice; import it once, in the root module, ' +
        'and TopicsModule.forFeature() where topics are injected',
    ]);
  }

  /** Nest would call a request-scoped enhancer that was never constructed. */
  private assertStaticEnhancers(where: string): void {
    for (const { injectables, providers } of this.modules.values()) {
      for (const wrapper of [...injectables.values(), ...providers.values()]) {
        const [global] = GLOBAL_ENHANCER.exec(String(wrapper.token)) ?? [];
        if (global === undefined || wrapper.isDependencyTreeStatic()) continue;
        const name = wrapper.metatype?.name ?? global;
        throw new InvalidConfigError([
          `${where}: ${name} (${global}) is request-scoped, or depends on a request-scoped provider, and cannot run for messages; ` +
            'make it a singleton, or bind it to controllers only (such as by @UseGuards)',
        ]);
      }
    }
  }

  private options(
    { topics, options }: Subscription,
    handler: ReturnType<HandlerPipeline['handler']>,
    where: string,
  ): ConsumerGroupOptions {
    const { batch = false, group, deadLetter, retry, ...rest } = options;
    return {
      ...rest,
      group: this.names.resolve(group, where),
      topics: topics.flatMap((topic) => this.topicNames(topic, where)),
      retry: retry === false ? false : withRefusals(retry),
      ...(deadLetter === undefined
        ? {}
        : {
            deadLetter: typeof deadLetter === 'string' ? this.names.resolve(deadLetter, where) : deadLetter,
          }),
      ...(batch === false
        ? { handler }
        : { batchHandler: handler, ...(batch === true ? {} : { batchSize: batch }) }),
    };
  }

  private topicNames(topic: SubscribeTopic, where: string): TopicPattern[] {
    const given = typeof topic === 'function' ? topic(this.moduleRef) : topic;
    const list = Array.isArray(given) ? (given as readonly TopicPattern[]) : [given as TopicPattern];
    return list.map((one) => {
      if (one instanceof RegExp) return one;
      if (typeof one === 'string') return this.names.resolve(one, where);
      throw new InvalidConfigError([
        `${where}: the topic is ${JSON.stringify(one)}; it must be a name, a pattern or a RegExp`,
      ]);
    });
  }
}

function prototypeOf(wrapper: InstanceWrapper): Record<string, unknown> | undefined {
  // For a request-scoped provider, `instance` is an empty object with the prototype of the class.
  const instance = wrapper.instance as object | null | undefined;
  if (typeof instance !== 'object' || instance === null || wrapper.isAlias) return undefined;
  return (Object.getPrototypeOf(instance) as Record<string, unknown> | null) ?? undefined;
}

function assertStatic(wrapper: InstanceWrapper, where: string): void {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return;
  throw new InvalidConfigError([
    `${where}: ${wrapper.name} is request-scoped or transient, or depends on such a provider; make it a singleton, and ` +
      'resolve dependencies that must be new per message inside the handler (ModuleRef.resolve)',
  ]);
}
