import { isError } from '@genrocks/storage';
import { alterConfigs } from '../protocol/apis/alter-configs.js';
import { incrementalAlterConfigs } from '../protocol/apis/incremental-alter-configs.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { ResourceType } from './config-resources.js';
import { errorCodeOf } from './error-mapping.js';
import { type GivenConfig, ownConfigsOf, sizesFrom, sizesOf } from './topic-configs.js';
import { type Refusal, refuse } from './refusal.js';

/** What can be done with one value, in the protocol's numbers. */
const Operation = { SET: 0, DELETE: 1 } as const;

interface Resource {
  readonly type: number;
  readonly name: string;
}

/** The configuration a topic is to have; given the one it has. */
type Change = (own: ReadonlyMap<string, string | null>) => GivenConfig[] | Refusal;

/** Replaces the configuration of topics: what is not named becomes the default again. */
export function alterConfigsRoute(broker: BrokerContext): Route {
  return route(alterConfigs, async ({ resources, validateOnly }) => ({
    responses: await inTurn(resources, (resource) =>
      alter(broker, resource, validateOnly, () => resource.configs),
    ),
  }));
}

/** Changes single values of the configuration of topics. */
export function incrementalAlterConfigsRoute(broker: BrokerContext): Route {
  return route(incrementalAlterConfigs, async ({ resources, validateOnly }) => ({
    responses: await inTurn(resources, (resource) =>
      alter(broker, resource, validateOnly, (own) => {
        const changed = new Map(own);
        const names = new Set<string>();
        for (const { name, operation, value } of resource.configs) {
          if (names.has(name)) return refuse(ErrorCode.INVALID_REQUEST, `${name}: named twice`);
          names.add(name);
          if (operation === Operation.SET && value !== null) changed.set(name, value);
          else if (operation === Operation.DELETE) changed.delete(name);
          else
            return refuse(
              ErrorCode.INVALID_CONFIG,
              `${name}: it can be set to a value or deleted, nothing else`,
            );
        }
        return [...changed].map(([name, value]) => ({ name, value }));
      }),
    ),
  }));
}

async function alter(
  broker: BrokerContext,
  { type, name }: Resource,
  validateOnly: boolean,
  change: Change,
): Promise<Resource & Refusal> {
  const answer = (refusal: Refusal) => ({ ...refusal, type, name });
  if (type === ResourceType.BROKER) {
    return answer(refuse(ErrorCode.INVALID_REQUEST, 'brokers are configured where they are started'));
  }
  if (type !== ResourceType.TOPIC) {
    return answer(refuse(ErrorCode.INVALID_REQUEST, 'topics have a configuration, and nothing else'));
  }
  const topic = broker.directory.byName(name);
  if (topic === undefined) {
    return answer(refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`));
  }
  try {
    const configs = change(await ownConfigsOf(topic));
    if (!Array.isArray(configs)) return answer(configs);
    const { adapter, settings } = topic.describe();
    const current = await sizesOf(topic);
    const { maxNoBytes: _bytes, maxNoFiles: _files, ...others } = settings;
    const limits = {
      adapter: current === undefined && adapter === 'disk_log' ? 'a log that does not wrap' : adapter,
      maxMessageBytes: broker.maxMessageBytes,
      segmentBytes: current?.maxNoBytes,
    };
    const sizes = sizesFrom(configs, limits);
    if (!validateOnly) await broker.topics.alterStorage(name, { ...others, ...sizes });
    return answer({ errorCode: ErrorCode.NONE, errorMessage: null });
  } catch (error) {
    return answer({
      errorCode: errorCodeOf(error),
      errorMessage: isError(error) ? error.message : null,
    });
  }
}

async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}
