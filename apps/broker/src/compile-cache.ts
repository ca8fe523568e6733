import { lstatSync, mkdirSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Exists in Node 22.8 and newer. */
interface WithCompileCache {
  enableCompileCache?: (directory?: string) => unknown;
}

/**
 * Makes Node cache compiled code for the next start, if this version can. As in Node itself, `NODE_COMPILE_CACHE` names
 * another directory, and `NODE_DISABLE_COMPILE_CACHE=1` turns the cache off.
 *
 * Node would run code from a default directory that anybody may have created. This directory belongs to the user, and
 * nobody else can write to it. If that cannot be ensured, the program starts without a cache.
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
