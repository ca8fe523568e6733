import { type DynamicModule, type ConfigurableModuleAsyncOptions, Inject, Module } from '@nestjs/common';
import type { TopicDefinition, TopicsOptions } from '../options.js';
import type { TopicsModuleExtras } from './topics.module-definition.js';

export type TopicsModuleOptions = TopicsOptions & TopicsModuleExtras;
export type TopicsModuleAsyncOptions = ConfigurableModuleAsyncOptions<TopicsOptions> & TopicsModuleExtras;

@Module({})
export class TopicsModule {
  static forRoot(_options: TopicsModuleOptions): DynamicModule {
    throw new Error();
  }
  static forRootAsync(_options: TopicsModuleAsyncOptions): DynamicModule {
    throw new Error();
  }
  static forFeature(_topics: readonly (string | TopicDefinition)[]): DynamicModule {
    throw new Error();
  }
}
export const getTopicToken = (name: string): string => `GENROCKS_TOPIC:${name}`;
export const InjectTopic = (name: string) => Inject(getTopicToken(name));
