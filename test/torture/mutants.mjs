// Deliberate faults in a copy of the disk log: for each of them the suites must fail. A fault that passes is a hole in
// the suites. npm run torture -- --only mutants
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mutants } from './deliberate-faults.mjs';

const root = resolve(import.meta.dirname, '../..');
const only = process.argv[2];
const chosen = mutants.filter(({ name }) => only === undefined || name.includes(only));
const copy = makeCopy();
const uncaught = [];
/** How long a suite may take with a fault: many times what it took without. */
const limits = new Map();
try {
  // A suite that fails anyway would seem to catch everything.
  for (const suite of new Set(chosen.flatMap(({ suites }) => suites))) {
    const started = Date.now();
    const result = await run(suite);
    limits.set(suite, 30_000 + 10 * (Date.now() - started));
    if (result === 'passed') continue;
    console.log(`UNSOUND   ${suite} ${result} without any fault`);
    uncaught.push(suite);
  }
  if (uncaught.length === 0) for (const mutant of chosen) await tryMutant(mutant);
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(
  uncaught.length === 0 ? `${chosen.length} faults, each was caught` : `not caught: ${uncaught.length}`,
);
process.exitCode = uncaught.length === 0 && chosen.length > 0 ? 0 : 1;

async function tryMutant({ name, suites, also = [], ...first }) {
  const edits = [first, ...also].map(({ file, from, to }) => {
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    return { file, path, source, count: source.match(new RegExp(from, 'g'))?.length ?? 0, from, to };
  });
  const stale = edits.find(({ count }) => count !== 1);
  if (stale !== undefined) {
    console.log(`STALE     ${name}: its place in ${stale.file} was found ${stale.count} times`);
    uncaught.push(name);
    return;
  }
  for (const { path, source, from, to } of edits) writeFileSync(path, source.replace(from, to));
  const results = [];
  for (const suite of suites) results.push({ suite, result: await run(suite) });
  for (const { path, source } of edits) writeFileSync(path, source);
  const caught = results.filter(({ result }) => result === 'failed' || result === 'hung');
  if (caught.length > 0) {
    console.log(`caught    ${name} (${caught.map(({ suite, result }) => `${suite} ${result}`).join(', ')})`);
    return;
  }
  console.log(`SURVIVED  ${name} (${results.map(({ suite, result }) => `${suite} ${result}`).join(', ')})`);
  uncaught.push(name);
}

/** The libraries with their sources, and the installed packages by links. */
function makeCopy() {
  const directory = mkdtempSync(join(tmpdir(), 'genrocks-mutant-'));
  for (const name of ['package.json', 'vitest.config.ts', 'tsconfig.base.json', 'test/setup.ts']) {
    cpSync(join(root, name), join(directory, name));
  }
  const scope = join(directory, 'node_modules', '@genrocks');
  mkdirSync(scope, { recursive: true });
  for (const library of ['storage', 'storage-disklog']) {
    cpSync(join(root, 'libs', library), join(directory, 'libs', library), {
      recursive: true,
      filter: (path) => !path.endsWith('/dist') && !path.endsWith('/node_modules'),
    });
    symlinkSync(join(directory, 'libs', library), join(scope, library));
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@genrocks' && !name.startsWith('.'))
      symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name));
  }
  return directory;
}

/** `failed` is said of tests only: a suite that did not come to its tests, or has none, shows nothing (`broken`). */
async function run(suite) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const spec = `libs/storage-disklog/src/${suite}.spec.ts`;
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const reporter = ['--reporter', 'json', '--outputFile', report];
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--project', 'libs', '--bail', '1', ...reporter, spec],
    { cwd: copy, stdio: 'ignore', detached: true },
  );
  let isHung = false;
  const limit = setTimeout(
    () => {
      isHung = true;
      // The group: a worker in an endless loop would outlive its parent.
      process.kill(-child.pid, 'SIGKILL');
    },
    limits.get(suite) ?? 600_000,
  );
  await once(child, 'exit');
  clearTimeout(limit);
  if (isHung) return 'hung';
  if (!existsSync(report)) return 'broken';
  const { numFailedTests, numPassedTests, success } = JSON.parse(readFileSync(report, 'utf8'));
  if (numFailedTests > 0) return 'failed';
  return success && numPassedTests > 0 ? 'passed' : 'broken';
}
