import type { ModulesContainer } from '@nestjs/core';

/**
 * Restores the lifecycle hooks of a provider that a test has put in place of an alias (`useExisting`), such as
 * `overrideProvider(StorageAdapter)`. Nest 11 still treats it as an alias, whose hooks run where the original is provided,
 * so nothing would ever close the test's adapter.
 */
export function withHooks<T>(instance: T, modules: ModulesContainer): T {
  const wrappers = [...modules.values()]
    .flatMap(({ providers }) => [...providers.values()])
    .filter((wrapper) => wrapper.instance === instance);
  const [first] = wrappers;
  if (first !== undefined && wrappers.every(({ isAlias }) => isAlias)) {
    (first as { isAlias: boolean }).isAlias = false;
  }
  return instance;
}
