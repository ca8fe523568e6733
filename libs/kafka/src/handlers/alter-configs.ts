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

/** Operations on one value, in the protocol's numbers. */
const Operation = { SET: 0, DELETE: 1 } as const;

interface Resource {
  readonly type: number;
  readonly name: string;
}

/** Returns a topic's new configuration, given its current one. */
type Change = (own: ReadonlyMap<string, string | null>) => GivenConfig[] | Refusal;

/** Replaces the configuration of topics. Values that are not named return to their defaults. */
export function alterConfigsRoute(broker: BrokerContext): Route {
  return route(alterConfigs, async ({ resources, validateOnly }) => ({
    responses: await alterEach(resources, (resource) =>
      alter(broker, resource, validateOnly, () => resource.configs),
    ),
  }));
}

/** Changes single values of topic configurations. */
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
            return refuse(ErrorCode.INVALID_REQUEST, `${name}: give a value, or use the delete operation`);
          }
          if (operation === Operation.SET) changed.set(name, value);
          else if (operation === Operation.DELETE) changed.delete(name);
          else
            return refuse(
              ErrorCode.INVALID_CONFIG,
              `${name}: only the set and delete operations are supported`,
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
    return answer(
      refuse(
        ErrorCode.INVALID_REQUEST,
        'clients cannot configure brokers; change the options with which the broker is started',
      ),
    );
  }
  if (type !== ResourceType.TOPIC) {
    return answer(refuse(ErrorCode.INVALID_REQUEST, 'only topics have a configuration'));
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

/** Alters one topic at a time, because each may be closed and reopened. Topics that are named twice are refused. */
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
