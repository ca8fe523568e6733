import { Inject } from '@nestjs/common';

/** Token of the adapters a service works on. @internal */
export const TOPICS_ADAPTERS = Symbol('GENROCKS_TOPICS_ADAPTERS');

/** Token of `manualRegistration`. @internal */
export const MANUAL_REGISTRATION = Symbol('GENROCKS_MANUAL_REGISTRATION');

/** Injection token of a topic that `TopicsModule.forFeature` provides. */
export function getTopicToken(name: string): string {
  return `GENROCKS_TOPIC:${name}`;
}

/** Injects a topic that `TopicsModule.forFeature` provides. */
export function InjectTopic(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getTopicToken(name));
}
