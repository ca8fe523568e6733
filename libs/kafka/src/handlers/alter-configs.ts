import { alterConfigs } from '../protocol/apis/alter-configs.js';
import { incrementalAlterConfigs } from '../protocol/apis/incremental-alter-configs.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { ResourceType } from './config-resources.js';
import { mapLimited } from './map-limited.js';
import { type GivenConfig, ownConfigsOf, sizesFrom, sizesOf } from './topic-configs.js';
import { type Refusal, refusalOf, refuse } from './refusal.js';
import { repeatedOf } from './without-repeats.js';

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
    responses: await alterEach(resources, (resource) =>
      alter(broker, resource, validateOnly, () => resource.configs),
    ),
  }));
}

/** Changes single values of the configuration of topics. */
export function incrementalAlterConfigsRoute(broker: BrokerContext): Route {
  return route(incrementalAlterConfigs, async ({ resources, validateOnly }) => ({
    responses: await alterEach(resources, (resource) =>
      alter(broker, resource, validateOnly, (own) => {
        const changed = new Map(own);
        const names = new Set<string>();
        for (const { name, operation, value } of resource.configs) {
          if (names.has(name)) return refuse(ErrorCode.INVALID_REQUEST, `${name}: named twice`);
          names.add(name);
          if (operation === Operation.SET && value === null) {
            return refuse(ErrorCode.INVALID_REQUEST, `${name}: give a value, or delete it`);
          }
          if (operation === Operation.SET) changed.set(name, value);
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
    await broker.topics.alterStorage(name, { ...others, ...sizes }, { dryRun: validateOnly });
    return answer({ errorCode: ErrorCode.NONE, errorMessage: null });
  } catch (error) {
    return answer(refusalOf(error));
  }
}

/** One after the other: a topic may be closed and opened again for it. What would be altered twice is not altered. */
function alterEach<T extends Resource>(
  resources: readonly T[],
  run: (resource: T) => Promise<Resource & Refusal>,
): Promise<(Resource & Refusal)[]> {
  const idOf = ({ type, name }: Resource) => `${type} ${name}`;
  const repeated = repeatedOf(resources.map(idOf));
  return mapLimited(resources, 1, (resource) => {
    const { type, name } = resource;
    if (!repeated.has(idOf(resource))) return run(resource);
    return { type, name, ...refuse(ErrorCode.INVALID_REQUEST, 'named twice') };
  });
}
