import { Inject } from '@nestjs/common';

/** Token of the adapters of a service. @internal */
export const TOPICS_ADAPTERS = Symbol('GENROCKS_TOPICS_ADAPTERS');

/** Token of the option `manualRegistration`. @internal */
export const MANUAL_REGISTRATION = Symbol('GENROCKS_MANUAL_REGISTRATION');

/** True on a test adapter that also keeps topics of adapters that are not plugged in. @internal */
export const STANDS_IN = Symbol('GENROCKS_STANDS_IN');

/** Injection token of a topic that `TopicsModule.forFeature` provides. */
export function getTopicToken(topic: string | { readonly name: string }): string {
  return `GENROCKS_TOPIC:${typeof topic === 'string' ? topic : topic.name}`;
}

/** Injects a topic that `TopicsModule.forFeature` provides, by its name or its definition. */
export function InjectTopic(
  topic: string | { readonly name: string },
): ParameterDecorator & PropertyDecorator {
  return Inject(getTopicToken(topic));
}
