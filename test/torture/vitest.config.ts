import { defineConfig } from 'vitest/config';

const conditions = ['@genrocks/source', 'module', 'node', 'development|production'];

export default defineConfig({
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: ['test/torture/**/*.torture.ts', 'test/kafka-torture/**/*.torture.ts'],
    setupFiles: ['test/setup.ts'],
    disableConsoleIntercept: true,
  },
});
