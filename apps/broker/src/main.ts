import { explainOpenFiles } from './cli/open-files.js';
import { enableCompileCache } from './compile-cache.js';

try {
  enableCompileCache();
  // Loaded here, so that a failure to load is reported in plain words, and the code comes from the cache.
  const { run } = await import('./cli/run.js');
  await run();
} catch (error) {
  const explanation = explainOpenFiles(error);
  if (explanation === undefined) throw error;
  process.stderr.write(`genrocks: TOO_MANY_FILES: ${explanation}\n`);
  process.exit(1);
}
