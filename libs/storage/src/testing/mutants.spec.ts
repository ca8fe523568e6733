// Tests the suite: takes an adapter that passes it, and breaks one promise at a time.
import { describe, expect, it } from 'vitest';
import { ArrayAdapter, type ArrayTable } from '../__fixtures__/array-adapter.js';
import type { Mutant } from '../__fixtures__/mutant.js';
import { READ_MUTANTS } from '../__fixtures__/read-mutants.js';
import { WRITE_MUTANTS } from '../__fixtures__/write-mutants.js';
import { conformanceTests } from './index.js';

function mutate({ store: spoilStore, adapter: spoilAdapter }: Mutant, tables?: ArrayTable[]): ArrayAdapter {
  const adapter = new ArrayAdapter(tables);
  if (spoilStore !== undefined) {
    const open = adapter.open.bind(adapter);
    adapter.open = async (topic, partition, options) => {
      const store = await open(topic, partition, options);
      spoilStore(store, Reflect.get(store, 'table') as ArrayTable);
      return store;
    };
  }
  spoilAdapter?.(adapter);
  return adapter;
}

describe('the conformance suite catches an adapter with this fault:', () => {
  it.each([...READ_MUTANTS, ...WRITE_MUTANTS])('$fault', async (mutant) => {
    const tests = conformanceTests({
      supports: new ArrayAdapter().supports,
      create: async () => mutate(mutant),
      reopen: async (closed) => mutate(mutant, (closed as ArrayAdapter).tables),
    });
    const test = tests.find(({ name }) => name === mutant.caughtBy);
    expect(test, mutant.caughtBy).toBeDefined();
    await expect(test!.run()).rejects.toThrow();
  });
});
