// Installs what the suites need, once.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Where package.json of the suites is. */
export const SUITES = fileURLToPath(new URL('..', import.meta.url));
export const NODE_RDKAFKA = join(SUITES, 'node_modules', 'node-rdkafka');

/** Runs a command to its end, and ends this process where it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status === 0) return;
  console.error(error?.message ?? `${command} ${args.join(' ')} ended with ${status}`);
  if (options.hint) console.error(options.hint);
  process.exit(1);
}

/** Fetches the packages; nothing of them is compiled yet. */
export function installPackages() {
  if (existsSync(NODE_RDKAFKA)) return;
  run('npm', ['ci', '--ignore-scripts', '--no-audit'], { cwd: SUITES });
}

/** Where this Node has brought its headers along, so that none have to be fetched. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? { npm_config_nodedir: prefix } : {};
}

/** Compiles node-rdkafka against the librdkafka of the system. */
export function buildAddon() {
  if (existsSync(join(NODE_RDKAFKA, 'build', 'Release', 'node-librdkafka.node'))) return;
  run('npm', ['rebuild', 'node-rdkafka', '--foreground-scripts'], {
    cwd: SUITES,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...nodeHeaders(),
      BUILD_LIBRDKAFKA: '0',
      JOBS: String(availableParallelism()),
      CXXFLAGS: '-w',
    },
    hint: 'node-rdkafka is compiled: it takes g++, make, python3 and librdkafka-dev',
  });
}
