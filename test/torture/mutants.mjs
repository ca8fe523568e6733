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

const ENGINE = 'libs/storage-disklog/src/engine/';
const FORMAT = 'libs/storage-disklog/src/format/';

/** Each replaces `from`, which must be there exactly once, by `to`; `suites` are the specs that must notice. */
const mutants = [
  {
    name: 'the directory is not synced before the index names the new file',
    file: `${ENGINE}log-directory.ts`,
    from: /await fs\.syncDirectory\(names\.directory\);\s+(await fs\.rename\(names\.unfinishedIndex, names\.index\);)/,
    to: '$1',
    suites: ['crash-states'],
  },
  {
    name: 'the index names the new file before there is one',
    file: `${ENGINE}log-directory.ts`,
    from: /(await fs\.rename\(names\.unfinished, names\.file\(number\)\);\s+await fs\.syncDirectory\(names\.directory\);)\s+(await fs\.rename\(names\.unfinishedIndex, names\.index\);\s+await fs\.syncDirectory\(names\.directory\);)/,
    to: '$2\n$1',
    suites: ['crash-states'],
  },
  {
    name: 'checksums are not compared',
    file: `${FORMAT}item.ts`,
    from: /if \(crc32\(/,
    to: 'if (false && crc32(',
    suites: ['format/format', 'damage'],
  },
  {
    name: 'checksums do not depend on the position',
    file: `${FORMAT}item.ts`,
    from: /return position % 0x1_0000_0000;/,
    to: 'return position * 0;',
    suites: ['format/format', 'damage'],
  },
  {
    name: 'a write is acknowledged before it is made',
    file: `${ENGINE}flights.ts`,
    from: /if \(written !== undefined\) await written;/,
    to: '',
    suites: ['engine/overlap'],
  },
  {
    name: 'a write is acknowledged before the one before it is made',
    file: `${ENGINE}flights.ts`,
    from: /(await written;)\s+if \(before !== undefined\) await before;/,
    to: '$1',
    suites: ['engine/overlap'],
  },
  {
    name: 'a group says that the one before it is stored while that is on its way',
    file: `${ENGINE}log-writer.ts`,
    from: /return isSameFile \? before\.place\.start : start;/,
    to: 'return start;',
    suites: ['engine/overlap'],
  },
  {
    name: 'a write is acknowledged before it is on the device',
    file: `${ENGINE}file-maker.ts`,
    from: /durable: this\.options\.durable \}/,
    to: 'durable: false }',
    suites: ['crash-states'],
  },
  {
    name: 'a torn tail is not cut',
    file: `${ENGINE}log-opener.ts`,
    from: /if \(badBytes > 0\) await writer\.truncate\(end\);/,
    to: '',
    suites: ['crash-states'],
  },
  {
    name: 'whatever is unreadable is taken for a torn write',
    file: `${ENGINE}recovery.ts`,
    from: /&& synced <= gap\.start/,
    to: '&& (gap.syncedAfter ?? 0) <= gap.start',
    suites: ['damage'],
  },
  {
    name: 'everything unreadable is cut',
    file: `${ENGINE}recovery.ts`,
    from: /gap\.syncedAfter !== undefined && synced <= gap\.start/,
    to: 'gap.end > 0',
    suites: ['damage'],
  },
  {
    name: 'a truncation leaves no marker',
    file: `${ENGINE}log-directory.ts`,
    from: /await writeFresh\(fs, names\.truncation, Buffer\.alloc\(0\)\);/,
    to: '',
    suites: ['crash-states'],
  },
  {
    name: 'a failed truncation leaves its marker',
    file: `${ENGINE}log-directory.ts`,
    from: /await withoutReturn\(async \(\) => \{\s+await fs\.unlink\(names\.truncation\);\s+await fs\.syncDirectory\(names\.directory\);\s+\}\);/,
    to: '',
    suites: ['faults'],
  },
  {
    name: 'compaction drops every tombstone',
    file: `${ENGINE}compaction.ts`,
    from: /return entry\.value !== undefined \|\| [^;]+;/,
    to: 'return entry.value !== undefined;',
    suites: ['compaction'],
  },
  {
    name: 'the new file of a compaction is not synced',
    file: `${ENGINE}segment-writer.ts`,
    from: /await this\.handle\.sync\(\);/,
    to: '',
    suites: ['crash-states'],
  },
  {
    name: 'the list of segments names files whose names are not stored',
    file: `${ENGINE}segments.ts`,
    from: /await fs\.syncDirectory\(names\.directory\);\s+(await fs\.rename\(names\.unfinishedSegments)/,
    to: '$1',
    suites: ['crash-states'],
  },
  {
    name: 'merged segments go before the list without them is stored',
    file: `${ENGINE}segments.ts`,
    from: /(await fs\.rename\(names\.unfinishedSegments, names\.segments\);)\s+await fs\.syncDirectory\(names\.directory\);/,
    to: '$1',
    suites: ['crash-states'],
  },
  {
    name: 'an entry goes for an older one of its key',
    file: `${ENGINE}segment-join.ts`,
    from: /a\.age > b\.age/,
    to: 'a.age < b.age',
    suites: ['engine/segment-compaction'],
  },
  {
    name: 'segments that are merged later do not count',
    file: `${ENGINE}segment-join.ts`,
    from: /const files = \[\.\.\.segments, \.\.\.newer\];/,
    to: 'const files = [...segments];',
    suites: ['engine/segment-compaction'],
  },
  {
    name: 'a damaged segment is passed over when its neighbours are merged',
    file: `${ENGINE}segment-compaction.ts`,
    from: /for \(const \{ file \} of group\) refuseDamage\(file\);/,
    to: '',
    suites: ['engine/segment-compaction'],
  },
  {
    name: 'merged segments take up room until all is merged',
    file: `${ENGINE}segment-compaction.ts`,
    from: /this\.done\+\+;\s+await file\.release\(\);/,
    to: 'this.done++; file.hold();',
    suites: ['engine/segment-compaction'],
  },
  {
    name: 'tombstones go while values they hide are left',
    file: `${ENGINE}segment-compaction.ts`,
    from: /this\.inputs = this\.segments\.left\.map/,
    to: 'this.inputs = this.segments.left.slice(1).map',
    suites: ['engine/segment-compaction'],
  },
  {
    name: 'scans lose the segments that are merged under them',
    file: `${ENGINE}segments.ts`,
    from: /for \(const file of inputs\) file\.pin\(\);/,
    to: '',
    suites: ['held-files'],
  },
  {
    name: 'scans lose the files that are overwritten under them',
    file: `${ENGINE}log-directory.ts`,
    from: /for \(const file of evicted\) file\.pin\(\);/,
    to: '',
    suites: ['held-files'],
  },
  {
    name: 'scans lose the files that are truncated under them',
    file: `${ENGINE}log-directory.ts`,
    from: /for \(const file of old\) file\.pin\(\);/,
    to: '',
    suites: ['held-files'],
  },
  {
    name: 'scans lose the file that is compacted under them',
    file: `${ENGINE}log-directory.ts`,
    from: /old\.file\.pin\(\);/,
    to: '',
    suites: ['held-files'],
  },
  {
    name: 'a number of a segment is given twice',
    file: `${ENGINE}segments.ts`,
    from: /return this\.nextNumber\+\+;/,
    to: 'return this.nextNumber;',
    suites: ['segments'],
  },
  {
    name: 'compaction copies under the name for files that are being made',
    file: `${ENGINE}names.ts`,
    from: /'log\.compacted'/,
    to: "'log.new'",
    suites: ['compaction'],
  },
  {
    name: 'rot that is met when it is read is not reported',
    file: `${ENGINE}log-file.ts`,
    from: /if \(!this\.found\.has\(offset\)\)/,
    to: 'if (false)',
    suites: ['rot'],
  },
  {
    name: 'what a damaged index knew of a damaged file is forgotten',
    file: `${ENGINE}left-files.ts`,
    from: /for \(const damage of recovered\.damage\) file\.addDamage\(damage\);/,
    to: '',
    suites: ['rot'],
  },
  {
    name: 'everything that looks like an item behind damage is read whole',
    file: `${ENGINE}scanner.ts`,
    from: /if \(bytes > this\.credit\) return false;/,
    to: '',
    suites: ['engine/scanner'],
  },
  {
    name: 'the seals of lines are not compared',
    file: `${FORMAT}line.ts`,
    from: /position\) !== crc\)/,
    to: 'position) !== crc && false)',
    suites: ['format/external-format', 'damage'],
  },
  {
    name: 'lines of a batch may be missing',
    file: `${FORMAT}external-format.ts`,
    from: /first === undefined \? \(batch\?\.part \?\? 1\) === 1 : this\.goesOn\(first, line\)/,
    to: 'true',
    suites: ['format/external-format'],
  },
  {
    name: 'JSON lines count as closed while they are written',
    file: `${ENGINE}log-opener.ts`,
    from: /await fs\.unlink\(names\.end\);\s+(await fs\.syncDirectory)/,
    to: '$1',
    suites: ['external', 'crash-states'],
  },
  {
    name: 'a new file of JSON lines may have the index of the one before it',
    file: `${ENGINE}log-directory.ts`,
    from: /await fs\.unlink\(names\.keyIndex\(number\)\);\s+await fs\.syncDirectory\(names\.directory\);\s+\}/,
    to: '}',
    suites: ['crash-states'],
  },
  {
    name: 'a failed sync is forgotten',
    file: `${ENGINE}write-failure.ts`,
    from: /this\.failure \?\?= new SyncFailedError\(this\.name, cause\);/,
    to: 'if (this.failure !== undefined) return this.failure; const failure = new SyncFailedError(this.name, cause); return failure;',
    suites: ['faults'],
  },
  {
    name: 'what a full device took of a write is not cut back',
    file: `${ENGINE}current-file.ts`,
    from: /await this\.cutZeros\(\);\s+this\.zeros\?\.cutTo/,
    to: 'this.zeros?.cutTo',
    suites: ['faults'],
  },
  {
    name: 'what was cut on a full device may still be there after a power cut',
    file: `${ENGINE}current-file.ts`,
    from: /(this\.zeros\?\.cutTo\(this\.file\.end\);)[^}]+await this\.sync\(\);/,
    to: '$1',
    suites: ['recovery-crash'],
  },
  {
    name: 'a file is marked closed before the cut of its zeros is stored',
    file: `${ENGINE}current-file.ts`,
    from: /if \(await this\.cutZeros\(\)\) await this\.sync\(\);/,
    to: 'await this.cutZeros();',
    suites: ['crash-states'],
  },
  {
    name: 'a sync beside the writes meets a file that is being closed',
    file: `${ENGINE}syncs.ts`,
    from: /this\.underWay \|\| this\.paused/,
    to: 'this.underWay',
    suites: ['engine/syncs', 'faults'],
  },
  {
    name: 'a short write is taken for a whole one',
    file: `${ENGINE}write-handles.ts`,
    from: /left = behind\(left, count\);/,
    to: 'left = [];',
    suites: ['faults'],
  },
  {
    name: 'a scan shows the oldest entry of a key',
    file: `${ENGINE}cursor.ts`,
    from: /\[\.\.\.files\]\s*\.reverse\(\)/,
    to: '[...files]',
    suites: ['model'],
  },
  {
    name: 'the file that is overwritten is the wrong one',
    file: `${ENGINE}log-directory.ts`,
    from: /\? 1 : number \+ 1/,
    to: '? 1 : number + 2',
    suites: ['model'],
  },
  {
    name: 'a file has a number above the limit',
    file: `${ENGINE}log-directory.ts`,
    from: /number >= this\.options\.maxFiles \? 1/,
    to: 'number > this.options.maxFiles ? 1',
    suites: ['disk-log-store'],
  },
];

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

async function tryMutant({ name, file, from, to, suites }) {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  const found = source.match(new RegExp(from, 'g'))?.length ?? 0;
  if (found !== 1) {
    console.log(`STALE     ${name}: its place in ${file} was found ${found} times`);
    uncaught.push(name);
    return;
  }
  writeFileSync(path, source.replace(from, to));
  const results = [];
  for (const suite of suites) results.push({ suite, result: await run(suite) });
  writeFileSync(path, source);
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
