import { defineConfig } from 'vitest/config';

const conditions = ['@genrocks/source', 'module', 'node', 'development|production'];

export default defineConfig({
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  test: { include: ['test/soak/**/*.soak.ts'], disableConsoleIntercept: true },
});
