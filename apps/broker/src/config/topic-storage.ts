import { InvalidConfigError } from '@genrocks/storage';
import { checkOptions, toSnakeCase } from '@genrocks/storage/config';
import { toPublishingOptions } from './publishing.config.js';
import { type AdapterName, allowedAdapters, isAdapterName, STORE_SETTINGS } from './adapters.js';

/** The storage of a topic, with the keys of YAML and JSON: `adapter`, and its settings in snake_case. */
export type TopicStorageTree = Readonly<Record<string, unknown>>;

/**
 * Converts the storage of a topic to the options of TopicsModule: the settings are checked against the adapter's own
 * options, and get names in camelCase.
 * @param where location for messages, such as `topics[0].storage`
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake
 */
export function toTopicStorage(
  tree: TopicStorageTree,
  defaultAdapter: AdapterName,
  where: string,
): { adapter: AdapterName; [setting: string]: unknown } {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    throw new InvalidConfigError([`${where}: ${JSON.stringify(tree)} is not allowed; a group of options`]);
  }
  const { adapter = defaultAdapter, ...settings } = tree;
  if (!isAdapterName(adapter)) {
    throw new InvalidConfigError([
      `${where}.adapter: ${JSON.stringify(adapter)} is not allowed; ${allowedAdapters()}`,
    ]);
  }
  const checked = checkOptions(STORE_SETTINGS[adapter], settings, { where, naming: 'snake' });
  const given = Object.entries(checked).filter(
    ([name, value]) => value !== undefined && settings[toSnakeCase(name)] !== undefined,
  );
  return { adapter, ...Object.fromEntries(given) };
}

/** One line per mistake in `dedup` and `storage` of the listed topics, and per duplicate name. */
export function checkTopics(topics: unknown, defaultAdapter: unknown): string[] {
  if (!Array.isArray(topics)) return [];
  const fallback = isAdapterName(defaultAdapter) ? defaultAdapter : 'disk_log';
  const problems: string[] = [];
  const seen = new Map<unknown, number>();
  for (const [index, topic] of topics.entries()) {
    if (typeof topic !== 'object' || topic === null) continue;
    const { name, storage } = topic as { name?: unknown; storage?: unknown };
    const first = seen.get(name);
    if (first !== undefined) {
      problems.push(
        `topics[${index}].name: ${JSON.stringify(name)} is not allowed; topics[${first}] already has this name`,
      );
    } else if (name !== undefined) seen.set(name, index);
    const { dedup } = topic as { dedup?: unknown };
    problems.push(...problemsOf(() => toPublishingOptions({ dedup }, `topics[${index}]`)));
    if (storage === undefined || storage === null) continue;
    const where = `topics[${index}].storage`;
    problems.push(...problemsOf(() => toTopicStorage(storage as TopicStorageTree, fallback, where)));
  }
  return problems;
}

function problemsOf(check: () => unknown): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof InvalidConfigError) return error.problems;
    throw error;
  }
}
