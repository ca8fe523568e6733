import { describeConfigs } from '../protocol/apis/describe-configs.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { type HandlerOf, route, type Route, type Session } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { ResourceType } from './config-resources.js';
import { type ConfigEntry, ConfigSource, configsOf, ConfigType, entry } from './topic-configs.js';
import { withoutRepeats } from './without-repeats.js';

/** Returns the configuration of topics and of the broker that is asked. */
export function describeConfigsRoute(broker: BrokerContext): Route {
  const serve: HandlerOf<typeof describeConfigs> = async ({ resources, includeSynonyms }, { session }) => ({
    results: await Promise.all(
      resources.map(async ({ type, name, keys }) => {
        const found = await find(broker, session, type, name);
        if (typeof found === 'number')
          return { errorCode: found, errorMessage: null, type, name, configs: [] };
        const configs = found
          .filter((config) => keys === null || keys.length === 0 || keys.includes(config.name))
          .map((config) => ({
            ...config,
            isDefault: config.configSource === ConfigSource.DEFAULT,
            synonyms: includeSynonyms
              ? [{ name: config.name, value: config.value, source: config.configSource }]
              : [],
          }));
        return { errorCode: ErrorCode.NONE, errorMessage: null, type, name, configs };
      }),
    ),
  });
  return route(describeConfigs, serve, {
    distinct: (request) => ({
      ...request,
      resources: withoutRepeats(request.resources, ({ type, name }) => `${type} ${name}`),
    }),
  });
}

async function find(
  broker: BrokerContext,
  { nodeId }: Session,
  type: number,
  name: string,
): Promise<ConfigEntry[] | ErrorCode> {
  if (type === ResourceType.TOPIC) {
    const topic = broker.directory.byName(name);
    return topic === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : configsOf(topic, broker.maxMessageBytes);
  }
  if (type === ResourceType.BROKER && (name === '' || name === String(nodeId))) {
    return brokerConfigs(broker, nodeId);
  }
  return ErrorCode.INVALID_REQUEST;
}

function brokerConfigs({ options, maxMessageBytes }: BrokerContext, nodeId: number): ConfigEntry[] {
  const fixed = (name: string, value: unknown, type: number) =>
    entry(name, String(value), type, ConfigSource.STATIC_BROKER);
  return [
    fixed('broker.id', nodeId, ConfigType.INT),
    fixed('auto.create.topics.enable', options.autoCreateTopics, ConfigType.BOOLEAN),
    fixed('message.max.bytes', maxMessageBytes, ConfigType.INT),
    fixed('socket.request.max.bytes', options.maxRequestBytes, ConfigType.INT),
    fixed('connections.max.idle.ms', options.idleTimeoutMs, ConfigType.LONG),
    fixed('group.min.session.timeout.ms', options.minSessionTimeoutMs, ConfigType.INT),
    fixed('group.max.session.timeout.ms', options.maxSessionTimeoutMs, ConfigType.INT),
    fixed('group.initial.rebalance.delay.ms', options.initialRebalanceDelayMs, ConfigType.INT),
    fixed('default.replication.factor', 1, ConfigType.INT),
  ];
}
