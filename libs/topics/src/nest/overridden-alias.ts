import type { ModulesContainer } from '@nestjs/core';

/**
 * What stands under an alias (`useExisting`) after a test has overridden it, such as `overrideProvider(StorageAdapter)`.
 * Nest 11 still takes it for an alias, whose hooks it calls where the original stands, so that nothing would ever close
 * an adapter that a test has put in.
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
