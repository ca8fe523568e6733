import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Packages resolve to their TypeScript sources, so tests need no build and always see what is being edited.
// Not `module`: under that condition packages have a form for bundlers, which Node cannot always load.
const conditions = ['@genrocks/source', 'node', 'development|production'];
const shared = {
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  // Each library's tsconfig leaves its specs out, so their decorators need to be allowed here.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
};

/**
 * How long `expect.poll` looks out for something. It only guards against hanging: a disk may hold up a sync for seconds,
 * and other processes the whole test.
 */
const expectation = { poll: { timeout: 20_000 } };

const unit = {
  setupFiles: ['test/setup.ts'],
  testTimeout: 60_000,
  // Removing thousands of scratch files can take long on a busy disk.
  hookTimeout: 60_000,
  expect: expectation,
  // Files share the modules they load, which costs less than half as much as loading them for each.
  isolate: false,
};

/** Specs that put something in the place of a module: no other may share it, nor have loaded the real one before. */
const ISOLATED = 'libs/*/src/**/*.isolated.spec.ts';

export default defineConfig({
  test: {
    // Vitest leaves a core free, which is half of a small machine; most of these tests wait for disks and processes.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      {
        ...shared,
        test: {
          ...unit,
          name: 'libs',
          include: ['libs/*/src/**/*.spec.ts'],
          exclude: [ISOLATED],
        },
      },
      {
        ...shared,
        test: { ...unit, name: 'isolated', include: [ISOLATED], isolate: true },
      },
      {
        ...shared,
        test: { ...unit, name: 'apps', include: ['apps/*/src/**/*.spec.ts'] },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e-spec.ts'],
          setupFiles: ['test/setup.ts'],
          // Only guards against hanging, as the one above: some start a dozen processes, or kill one again and again.
          testTimeout: 180_000,
          hookTimeout: 120_000,
          expect: expectation,
        },
      },
    ],
  },
});
