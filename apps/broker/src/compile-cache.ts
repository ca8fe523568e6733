import { lstatSync, mkdirSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of Node 22.8 and newer. */
interface WithCompileCache {
  enableCompileCache?: (directory?: string) => unknown;
}

/**
 * Has Node keep what it compiles for the next start, where it can. `NODE_COMPILE_CACHE` names another directory, and
 * `NODE_DISABLE_COMPILE_CACHE=1` turns it off, as with Node itself.
 *
 * Node's own default is a directory that anybody may have made, and it runs the code it finds there. This one belongs to
 * the user and is written by nobody else; where it is not, or does not come about, the program starts without.
 */
export function enableCompileCache(
  env: NodeJS.ProcessEnv = process.env,
  { enableCompileCache: enable }: WithCompileCache = nodeModule as WithCompileCache,
): void {
  if (enable === undefined || env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return;
  const directory = env['NODE_COMPILE_CACHE'] ?? privateDirectory();
  if (directory !== undefined) enable(directory);
}

function privateDirectory(): string | undefined {
  const uid = process.getuid?.();
  const directory = join(tmpdir(), uid === undefined ? 'genrocks-cache' : `genrocks-cache-${uid}`);
  try {
    mkdirSync(directory, { mode: 0o700, recursive: true });
    const found = lstatSync(directory);
    const isOurs =
      found.isDirectory() && (uid === undefined || (found.uid === uid && (found.mode & 0o022) === 0));
    return isOurs ? directory : undefined;
  } catch {
    return undefined;
  }
}
