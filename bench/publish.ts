import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { baselineCells } from './lib/baseline.js';
import { httpCells } from './lib/http.js';
import { libraryCells } from './lib/library.js';
import { measureAll } from './lib/measure.js';
import { ratiosOf, type Report, toMarkdown } from './lib/report.js';
import { machineFacts } from './lib/machine.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    /** Milliseconds a cell publishes in each round. */
    ms: { type: 'string', default: '1000' },
    /** Directory for the logs; its file system is what is measured. */
    dir: { type: 'string', default: tmpdir() },
    /** Directory for publish.md and publish.json. */
    out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
  },
});

const rounds = Number(values.rounds);
const ms = Number(values.ms);
if (!(rounds >= 1) || !(ms >= 1)) throw new Error('--rounds and --ms must be numbers from 1');

const directory = mkdtempSync(join(values.dir, 'genrocks-bench-'));
const machine = machineFacts(directory);
const inProcess = await libraryCells(join(directory, 'library'));
const http = await httpCells(join(directory, 'http'));
try {
  const cells = [...inProcess.cells, ...baselineCells(directory), ...http.cells];
  const results = await measureAll(cells, rounds, ms, (round) =>
    console.error(`round ${round + 1} of ${rounds}, ${cells.length} cells of ${ms} ms`),
  );
  const report: Report = {
    command: `npm run bench:publish -- --rounds ${rounds} --ms ${ms}`,
    machine,
    results,
    ratios: ratiosOf(results),
  };
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'publish.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(values.out, 'publish.md'), toMarkdown(report));
  console.log(toMarkdown(report));
} finally {
  await http.stop();
  for (const app of inProcess.apps) await app.close();
  rmSync(directory, { recursive: true, force: true });
}
