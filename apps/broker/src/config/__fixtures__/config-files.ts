import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidConfigError } from '@genrocks/storage';
import { afterEach, beforeEach } from 'vitest';
import type { Environment } from '../environment.js';
import { loadConfig, type LoadedConfig } from '../load-config.js';

/** Loads configuration in a temporary directory, a new one for each test of the calling file. */
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

  /** The problems of a configuration, one line each. */
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
