// Packs every library as for publishing, installs the tarballs into an empty project, compiles a TypeScript consumer
// against their types, and loads them with `import` and with `require`. Then does the same with an application as the
// CLI of Nest 11 creates it: CommonJS, TypeScript 5 and Jest.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { formatMessage } from 'publint/utils';
import { publint } from 'publint';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixture = join(root, 'scripts', 'consumer');
const libraries = readdirSync(join(root, 'libs'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => join(root, 'libs', entry.name));
const packages = [...libraries, join(root, 'apps', 'broker')];
const FIELDS = ['name', 'version', 'description', 'license', 'type', 'engines', 'files', 'exports'];

let failures = 0;

/** @param {string} what @param {string[]} problems */
function report(what, problems) {
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}  ${what}`);
  for (const problem of problems) console.log(`    ${problem}`);
  if (problems.length > 0) failures++;
}

/** @param {string} command @param {string[]} args @param {string} cwd */
function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** @param {string} what @param {() => void} step */
function step(what, step) {
  try {
    step();
    report(what, []);
    return true;
  } catch (error) {
    report(what, `${error.stdout ?? ''}${error.stderr ?? error.message}`.trim().split('\n').slice(-20));
    return false;
  }
}

/** @param {string} directory */
async function lint(directory) {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { messages } = await publint({ pkgDir: directory, pack: 'npm', strict: true });
  const problems = messages.map((message) => formatMessage(message, manifest) ?? message.code);
  for (const field of FIELDS)
    if (manifest[field] === undefined) problems.push(`package.json has no ${field}`);
  report(`publint ${manifest.name}`, problems);
  return manifest;
}

/** @param {string} directory @param {string} destination */
function pack(directory, destination) {
  const [{ filename, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', destination], directory),
  );
  const unwanted = files
    .map(({ path }) => path)
    .filter((path) => /(^|\/)(src|__fixtures__)\/|\.spec\.|tsbuildinfo$/.test(path));
  const problems = unwanted.map((path) => `${path} does not belong into a package`);
  for (const wanted of ['README.md', 'package.json']) {
    if (!files.some(({ path }) => path === wanted)) problems.push(`${wanted} is missing`);
  }
  report(`pack ${basename(directory)} (${files.length} files)`, problems);
  return join(destination, filename);
}

const work = mkdtempSync(join(tmpdir(), 'genrocks-pack-'));
try {
  const manifests = [];
  for (const directory of packages) manifests.push(await lint(directory));
  const tarballs = libraries.map((directory) => pack(directory, work));
  pack(join(root, 'apps', 'broker'), work);

  const consumer = join(work, 'consumer');
  mkdirSync(consumer);
  cpSync(fixture, consumer, { recursive: true });
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // The peer dependencies that a user of the libraries installs, at the versions tested here.
  const peers = new Set(
    manifests.slice(0, -1).flatMap((manifest) => Object.keys(manifest.peerDependencies ?? {})),
  );
  const others = ['rxjs', 'typescript', '@types/node'];
  const dependencies = Object.fromEntries(
    [...peers, ...others].map((name) => [name, devDependencies[name] ?? '*']),
  );
  for (const [index, tarball] of tarballs.entries()) dependencies[manifests[index].name] = `file:${tarball}`;
  writeFileSync(
    join(consumer, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module', dependencies }, undefined, 2),
  );

  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
  if (step('install the tarballs into an empty project', () => run('npm', install, consumer))) {
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    step('compile a consumer (NodeNext, strict)', () => run(process.execPath, [tsc, '-p', '.'], consumer));
    step('compile its imports (CommonJS, resolved without exports)', () =>
      run(process.execPath, [tsc, '-p', 'tsconfig.node10.json'], consumer),
    );
    step('run it, by import', () => run(process.execPath, ['dist/main.js'], consumer));
    step('load every entry, by require', () => run(process.execPath, ['require.cjs'], consumer));
  }

  const nest11 = join(work, 'nest11');
  cpSync(join(root, 'scripts', 'nest11'), nest11, {
    recursive: true,
    filter: (path) => !['node_modules', 'dist'].includes(basename(path)),
  });
  const application = JSON.parse(readFileSync(join(nest11, 'package.json'), 'utf8'));
  for (const [index, tarball] of tarballs.entries()) {
    application.dependencies[manifests[index].name] = `file:${tarball}`;
  }
  writeFileSync(join(nest11, 'package.json'), JSON.stringify(application, undefined, 2));
  // Keep its lock file: only the libraries and their dependencies are new. A peer range that does not match fails.
  const installNest11 = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  if (step('install the tarballs beside Nest 11', () => run('npm', installNest11, nest11))) {
    step('Nest 11: compile (CommonJS, strict)', () => run('npm', ['run', 'build'], nest11));
    step('Nest 11: run it', () => run('npm', ['start'], nest11));
    step('Nest 11: its tests under Jest', () => run('npm', ['test'], nest11));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(failures === 0 ? 'packages: all checks passed' : `packages: ${failures} check(s) failed`);
process.exitCode = failures === 0 ? 0 : 1;
