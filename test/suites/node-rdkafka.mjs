// Runs node-rdkafka's own e2e tests against the broker and holds the results against node-rdkafka.expected.json.
// Usage: node-rdkafka.mjs [--short]
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clearInterval } from 'node:timers';
import { parseArgs } from 'node:util';
import { startBroker } from './lib/broker.mjs';
import { buildAddon, installPackages, NODE_RDKAFKA, SUITES } from './lib/install.mjs';
import { judge, PASS, readExpectations } from './lib/verdict.mjs';

const EXPECTED = new URL('./node-rdkafka.expected.json', import.meta.url);
const MOCHA = join(SUITES, 'node_modules', 'mocha', 'bin', 'mocha.js');
/** What its own run_docker.sh creates before the tests. */
const TOPICS = ['test', 'test2', 'test3', 'test4', 'test5', 'test6'];
const TEST_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 10 * 60_000;
/** After its report a process may hang in the client's destructor. */
const EXIT_TIMEOUT_MS = 3_000;
/**
 * A test whose clean-up hangs takes the rest of its file with it. It is the client's destructor that hangs, where the
 * answer to a fetch comes just when a consumer closes, so what was not run is run again, each test by itself.
 */
const ATTEMPTS = 4;

/** The file whose tests wait for seconds, and whose clean-up hangs at times: left out of the short form. */
const LONG = 'both.spec.js';

const { values: options } = parseArgs({ options: { short: { type: 'boolean', default: false } } });

async function createTopics(bootstrap) {
  const { AdminClient } = createRequire(join(SUITES, 'package.json'))('node-rdkafka');
  const admin = AdminClient.create({ 'bootstrap.servers': bootstrap });
  for (const topic of TOPICS) {
    const wanted = { topic, num_partitions: 1, replication_factor: 1 };
    await new Promise((resolve, reject) => {
      admin.createTopic(wanted, (error) => (error ? reject(error) : resolve()));
    });
  }
  admin.disconnect();
}

/** Runs mocha; resolves to its report. */
async function mocha(args, env = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'genrocks-suite-mocha-'));
  const output = join(directory, 'report.json');
  const reporting = ['--exit', '--reporter', 'json', '--reporter-option', `output=${output}`];
  const child = spawn(process.execPath, [MOCHA, ...reporting, ...args], {
    cwd: NODE_RDKAFKA,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: RUN_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const watching = setInterval(() => {
    if (!existsSync(output)) return;
    clearInterval(watching);
    setTimeout(() => child.kill('SIGKILL'), EXIT_TIMEOUT_MS).unref();
  }, 200);
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watching);
  const report = existsSync(output)
    ? JSON.parse(readFileSync(output, 'utf8'))
    : { tests: [], passes: [], failures: [] };
  rmSync(directory, { recursive: true, force: true });
  return report;
}

/** Runs tests of one file and adds what became of them; a hook that fails counts against the test it names. */
async function runTests(args, titles, bootstrap, results) {
  const report = await mocha(['--timeout', String(TEST_TIMEOUT_MS), ...args], { KAFKA_HOST: bootstrap });
  for (const { fullTitle } of report.passes) results.set(fullTitle, PASS);
  for (const { fullTitle, title, err } of report.failures) {
    const ofHook = / hook for "(.*)"$/.exec(title)?.[1];
    const failed = titles.find((one) => (ofHook === undefined ? one === fullTitle : one.endsWith(ofHook)));
    results.set(failed ?? fullTitle, err.message);
  }
}

installPackages();
buildAddon();
const expected = readExpectations(EXPECTED);
const specs = readdirSync(join(NODE_RDKAFKA, 'e2e')).filter(
  (name) => name.endsWith('.spec.js') && !(options.short && name === LONG),
);
const results = new Map();
const known = [];
const broker = await startBroker();
await createTopics(broker.bootstrap);
for (const spec of specs) {
  const file = join('e2e', spec);
  const titles = (await mocha(['--dry-run', file])).tests.map(({ fullTitle }) => fullTitle);
  known.push(...titles);
  const wanted = titles.filter((title) => (expected.get(title) ?? PASS) === PASS);
  if (wanted.length === 0) continue;
  await runTests([file], titles, broker.bootstrap, results);
  let attempts = 1;
  for (; attempts < ATTEMPTS; attempts++) {
    const missing = wanted.filter((title) => results.get(title) !== PASS);
    for (const title of missing) await runTests(['-f', title, file], [title], broker.bootstrap, results);
  }
  const passed = titles.filter((title) => results.get(title) === PASS).length;
  console.log(`${spec}: ${passed} of ${titles.length} passed`);
}
await broker.stop();
// Of the short form the other tests are not known, so their expectations are left out too.
const inScope = new Map([...expected].filter(([title]) => !options.short || known.includes(title)));
process.exitCode = judge(inScope, results, known) ? 0 : 1;
