import { InvalidConfigError } from '@genrocks/storage';
import { checkOptions, toSnakeCase } from '@genrocks/storage/config';
import { toPublishingOptions } from './publishing.config.js';
import { type AdapterName, allowedAdapters, isAdapterName, STORE_SETTINGS } from './adapters.js';

/** The storage of a topic as YAML and JSON write it: `adapter`, and its settings in snake_case. */
export type TopicStorageTree = Readonly<Record<string, unknown>>;

/**
 * Turns the storage of a topic into what TopicsModule takes: settings checked against the adapter's own options and
 * named in camelCase.
 * @param where how messages name the place, such as `topics[0].storage`
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

/** One line per mistake in what the topics listed have beside plain options, and for names that stand twice. */
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
        `topics[${index}].name: ${JSON.stringify(name)} is not allowed; topics[${first}] has it already`,
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
