import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidConfigError } from '@genrocks/storage';
import { afterEach, beforeEach } from 'vitest';
import type { Environment } from '../environment.js';
import { loadConfig, type LoadedConfig } from '../load-config.js';

/** Loading of configuration in a directory of its own, a new one for every test of the file that calls this. */
export function configFiles() {
  let cwd = '';

  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'genrocks-config-'));
  });

  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  function load(yaml?: string, env: Environment = {}): LoadedConfig {
    if (yaml !== undefined) writeFileSync(join(cwd, 'genrocks.yaml'), yaml);
    return loadConfig({ cwd, env });
  }

  /** What is wrong with a configuration, a line each. */
  function problems(yaml: string | undefined, env: Environment = {}): readonly string[] {
    try {
      load(yaml, env);
    } catch (error) {
      if (error instanceof InvalidConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  return {
    get cwd() {
      return cwd;
    },
    load,
    problems,
  };
}
