import { basicTests } from './basics.js';
import { batchTests } from './batch.js';
import { closingTests } from './closing.js';
import { concurrencyTests } from './concurrency.js';
import { type ConformanceHarness, type ConformanceTest, runDefinition } from './harness.js';
import { isolationTests } from './isolation.js';
import { logTests } from './log.js';
import { modelTests } from './model.js';
import { openingTests } from './opening.js';
import { persistenceTests } from './persistence.js';
import { scanIterationTests } from './scan-iteration.js';
import { scanOrderTests } from './scan-order.js';
import { sizeTests } from './sizes.js';
import { truncationTests } from './truncation.js';
import { upkeepTests } from './upkeep.js';

export type { ConformanceHarness, ConformanceTest } from './harness.js';

const GROUPS = {
  basics: basicTests,
  sizes: sizeTests,
  batch: batchTests,
  'scan order': scanOrderTests,
  'scan iteration': scanIterationTests,
  isolation: isolationTests,
  concurrency: concurrencyTests,
  log: logTests,
  truncation: truncationTests,
  upkeep: upkeepTests,
  opening: openingTests,
  closing: closingTests,
  persistence: persistenceTests,
  model: modelTests,
};

/**
 * Returns the storage contract as tests, for any adapter and any test runner. Each test creates its own adapter, so they
 * can run in any order and at the same time.
 *
 * @example
 * describe('my adapter', () => {
 *   for (const { name, run, skip } of conformanceTests({ supports, create })) {
 *     it.skipIf(skip)(skip ? `${name} (${skip})` : name, run);
 *   }
 * });
 *
 * @throws {TypeError} if `supports.persistent` is true and `reopen` is missing
 * @publicApi
 */
export function conformanceTests(harness: ConformanceHarness): ConformanceTest[] {
  if (harness.supports.persistent && harness.reopen === undefined) {
    throw new TypeError('supports.persistent is true: give conformanceTests a reopen() to prove it');
  }
  return Object.entries(GROUPS).flatMap(([group, definitions]) =>
    definitions.map((definition) => ({
      name: `${group}: ${definition.name}`,
      skip: definition.unless?.(harness.supports),
      run: () => runDefinition(definition, harness),
    })),
  );
}
