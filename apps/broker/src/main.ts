import { explainOpenFiles } from './cli/open-files.js';
import { enableCompileCache } from './compile-cache.js';

try {
  enableCompileCache();
  // Loaded here, so that what goes wrong with that already can be told in plain words, and comes from the cache.
  const { run } = await import('./cli/run.js');
  await run();
} catch (error) {
  const explanation = explainOpenFiles(error);
  if (explanation === undefined) throw error;
  process.stderr.write(`genrocks: TOO_MANY_FILES: ${explanation}\n`);
  process.exit(1);
}
