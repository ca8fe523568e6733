import { explainOpenFiles } from './cli/open-files.js';

try {
  // Loaded here, so that what goes wrong with that already can be told in plain words.
  const { run } = await import('./cli/run.js');
  await run();
} catch (error) {
  const explanation = explainOpenFiles(error);
  if (explanation === undefined) throw error;
  process.stderr.write(`genrocks: TOO_MANY_FILES: ${explanation}\n`);
  process.exit(1);
}
