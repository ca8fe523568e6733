import { conformanceTests } from '@genrocks/storage/testing';
import { describe, it } from 'vitest';
import { EtsStorageAdapter } from './index.js';

describe('the storage contract, by the ets adapter', () => {
  const tests = conformanceTests({
    supports: new EtsStorageAdapter().supports,
    create: async () => new EtsStorageAdapter(),
  });
  for (const { name, run, skip } of tests) it.skipIf(skip)(skip ? `${name} (${skip})` : name, run);
});
