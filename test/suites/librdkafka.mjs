// Runs librdkafka's own tests against the broker, each in a process of its own, and holds the results against
// librdkafka.expected.json. Usage: librdkafka.mjs [--jobs 2] [--only 0001,0012] [--all] [--short]
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { startBroker } from './lib/broker.mjs';
import { installPackages, NODE_RDKAFKA, run, SUITES } from './lib/install.mjs';
import { prepareSetup, SETUP_NAMES, setupOf } from './lib/librdkafka-setups.mjs';
import { judge, PASS, readExpectations } from './lib/verdict.mjs';

const EXPECTED = new URL('./librdkafka.expected.json', import.meta.url);
const SOURCE = join(NODE_RDKAFKA, 'deps', 'librdkafka');
const CACHE = join(SUITES, 'node_modules', '.cache');
const BUILD = join(CACHE, 'librdkafka');
const RUNNER = join(BUILD, 'tests', 'test-runner');
const RUNS = join(CACHE, 'runs');
/** Compiled only where its headers are, which Debian has in rapidjson-dev. */
const NEED_RAPIDJSON = ['0053_stats', '0110_batch_size'];
const WITH_RAPIDJSON = '-DWITH_RAPIDJSON=1';
/** What the tests believe to talk to: they leave out what came later. */
const KAFKA_VERSION = '3.4.0';
/** Partitions of topics that are created on the way, as in the cluster the tests are written for. */
const PARTITIONS = '4';
/** Some write more than the 100 MB that a partition keeps by default. */
const LOG_FILES = '200';
const TEST_TIMEOUT_MS = 1_200_000;
/** Quick ones that together touch producing, consuming, groups, offsets, codecs, headers and administration. */
const SHORT = '0001,0008,0012,0013,0018,0022,0029,0031,0070,0073,0099,0153';

const { values: options } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
  },
});

/** Compiles the tests with the library they belong to; takes some minutes, once. */
function build() {
  installPackages();
  if (existsSync(RUNNER)) return;
  mkdirSync(BUILD, { recursive: true });
  const off = ['RDKAFKA_BUILD_EXAMPLES', 'WITH_SASL', 'WITH_CURL', 'ENABLE_LZ4_EXT'].map(
    (name) => `-D${name}=OFF`,
  );
  // PLAIN and SCRAM are its own; only Kerberos would take Cyrus SASL.
  const switches = [...off, '-DWITH_SASL_SCRAM=ON'];
  const hint =
    'librdkafka is compiled: it takes cmake, make, g++, zlib1g-dev, libzstd-dev and libssl-dev, and rapidjson-dev for two tests';
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], hint };
  // Some tests name topics after their source file, which is without a path where it is built with its own Makefile.
  const flags = [
    `-fmacro-prefix-map=${join(SOURCE, 'tests')}/=`,
    ...(findsRapidJson() ? [WITH_RAPIDJSON] : []),
  ];
  const configured = ['-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_CXX_FLAGS=${flags.join(' ')}`, ...switches];
  run('cmake', ['-S', SOURCE, '-B', BUILD, ...configured], quiet);
  // Its sources ask whether this is defined, not whether it is 1.
  const config = join(BUILD, 'generated', 'config.h');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace(/^#define WITH_OAUTHBEARER_OIDC 0$/m, ''));
  run('make', ['-C', BUILD, '-j2', 'test-runner', 'interceptor_test'], quiet);
}

function findsRapidJson() {
  const preprocess = ['-E', '-x', 'c++', '-', '-o', '/dev/null'];
  return spawnSync('g++', preprocess, { input: '#include <rapidjson/schema.h>' }).status === 0;
}

/** Tests that were not compiled, since something was missing. */
function findMissing() {
  if (readFileSync(join(BUILD, 'CMakeCache.txt'), 'utf8').includes(WITH_RAPIDJSON)) return [];
  console.log(`built without RapidJSON: ${NEED_RAPIDJSON.join(', ')} are left out`);
  return NEED_RAPIDJSON;
}

/** Tests that talk to a broker, from the table in test.c: the others run against librdkafka's own mock. */
function readTests() {
  const table = readFileSync(join(SOURCE, 'tests', 'test.c'), 'utf8').split('struct test tests[]')[1] ?? '';
  const tests = new Map();
  for (const entry of table.split(/^ {4}_TEST\(/m).slice(1)) {
    const [, name, flags] = /^(\w+),\s*([^,)]+)/.exec(entry);
    if (/LOCAL|MANUAL/.test(flags)) continue;
    tests.set(name, { number: name.slice(0, 4), withoutCreation: entry.includes('"noautocreate"') });
  }
  return tests;
}

/** Runs the tests of one number; resolves to the state of each, and to how the process ended. */
function runNumber(number, bootstrap, name, { scenario, conf, env }) {
  const directory = join(RUNS, `${number}-${name}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  symlinkSync(join(SOURCE, 'tests', 'fixtures'), join(directory, 'fixtures'));
  const config = {
    'bootstrap.servers': bootstrap,
    'test.timeout.multiplier': 2,
    'test.topic.prefix': 'rdk',
    'test.topic.random': true,
    ...conf,
  };
  const lines = Object.entries(config).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(directory, 'test.conf'), lines.join(''));
  const report = join(directory, 'report.json');
  const log = openSync(join(directory, 'log.txt'), 'w');
  const child = spawn(RUNNER, ['-p1', '-L', '-s', scenario, '-V', KAFKA_VERSION], {
    cwd: directory,
    env: { ...process.env, ...env, BROKERS: bootstrap, TESTS: number, TEST_REPORT: report },
    stdio: ['ignore', log, log],
    timeout: TEST_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  closeSync(log);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
      const states = new Map();
      // The report quotes nothing within its texts, so it is not always JSON.
      for (const [, name, state] of text.matchAll(/"name": "(\w+)", "state": "(\w+)"/g))
        states.set(name, state);
      resolve({ states, ended: signal === null ? `exit ${code}` : 'TIMEOUT' });
    });
  });
}

/** Runs tests against a broker of their own, some at a time. */
async function runSetup(setupName, names, tests) {
  const results = new Map();
  const queue = [...new Set(names.map((name) => tests.get(name).number))];
  if (queue.length === 0) return results;
  const setup = prepareSetup(setupName, CACHE);
  const broker = await startBroker({
    GENROCKS_DEFAULT_PARTITIONS: PARTITIONS,
    GENROCKS_MAX_NO_FILES: LOG_FILES,
    ...setup.broker,
  });
  console.log(`${names.length} tests (${setupName}) against ${broker.bootstrap}; logs in ${RUNS}`);
  const worker = async () => {
    for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
      const began = Date.now();
      const { states, ended } = await runNumber(number, broker.bootstrap, setupName, setup);
      for (const name of names.filter((one) => tests.get(one).number === number)) {
        const state = states.get(name) ?? ended;
        results.set(name, state === 'PASSED' ? PASS : state);
        console.log(`${state.padEnd(8)} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      }
    }
  };
  await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
  await broker.stop();
  return results;
}

build();
const missing = findMissing();
// Where tests look for the sources, beside their own directory.
mkdirSync(RUNS, { recursive: true });
rmSync(join(RUNS, 'src'), { force: true });
symlinkSync(join(SOURCE, 'src'), join(RUNS, 'src'));
const expected = readExpectations(EXPECTED);
const tests = readTests();
const only = (options.short ? SHORT : options.only)?.split(',');
const isInScope = (name) =>
  !missing.includes(name) && (only === undefined || only.includes(name.slice(0, 4)));
const wanted = [...tests.keys()].filter(
  (name) => isInScope(name) && (options.all || expected.get(name) === PASS),
);
const results = new Map();
for (const name of SETUP_NAMES) {
  const names = wanted.filter((test) => setupOf(tests.get(test)) === name);
  for (const [test, result] of await runSetup(name, names, tests)) results.set(test, result);
}
const judged = new Map([...expected].filter(([name]) => isInScope(name)));
process.exitCode = judge(judged, results, [...tests.keys()].filter(isInScope)) ? 0 : 1;
