import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from './broker-harness.js';
import { codeBlocks } from './code-blocks.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/README.md'].concat(
  ['docs', 'docs/guides'].flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${directory}/${name}`),
  ),
);
const text = (document: string) => readFileSync(join(root, document), 'utf8');

describe.each(documents)('%s', (document) => {
  it('shows TypeScript only as it stands in a file that is compiled and run', () => {
    for (const { marker, language, code } of codeBlocks(text(document))) {
      if (language !== 'ts') continue;
      const file = /^snippet: (.+)$/.exec(marker ?? '')?.[1];
      expect(file, `the file of\n${code}`).toBeDefined();
      expect(code).toBe(text(file!));
    }
  });

  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    for (const [, name] of text(document).matchAll(/npm run ([\w:-]+)/g))
      expect(scripts).toHaveProperty([name!]);
  });
});

describe('the ten-line story', () => {
  let logDir: string;
  beforeAll(async () => {
    logDir = await mkdtemp(join(tmpdir(), 'genrocks-story-'));
  });
  afterAll(() => rm(logDir, { recursive: true, force: true }));

  /** Runs it until a line says `last`, then kills it. */
  async function run(last: string): Promise<string[]> {
    const script = join(root, 'examples/dist/story.js');
    const child = spawn(process.execPath, [script, logDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line === last) child.kill('SIGKILL');
    }
    await exit;
    return lines;
  }

  it('publishes, subscribes, is killed, restarts, and everything is still there', async () => {
    const first = await run('billing ada: order 0, 42');
    expect(first.slice(0, 2)).toEqual(['order 0 is on the disk', 'billing ada: order 0, 42']);
    const second = await run('billing ada: order 1, 42');
    // Killed before it had committed, billing may see order 0 once more; never does it miss order 1.
    expect(second.filter((line) => !line.includes('order 0,'))).toEqual([
      'order 1 is on the disk',
      'billing ada: order 1, 42',
    ]);
    expect(text('README.md')).toContain(first.slice(0, 2).join('\n'));
  });
});

describe('the commands over HTTP', () => {
  let broker: RunningBroker;
  beforeAll(async () => {
    broker = await startBroker('disk_log');
  });
  afterAll(() => broker.close());

  const commands = codeBlocks(text('README.md'))
    .filter(({ marker }) => marker === 'run: broker')
    .flatMap(({ code }) => code.trim().split('\n'));
  const hasCurl = spawnSync('curl', ['--version']).status === 0;

  it('are there', () => expect(commands.length).toBeGreaterThan(3));

  it.skipIf(!hasCurl).each(commands)('%s', async (command) => {
    const child = spawn('sh', [
      '-c',
      command.replace(/\bcurl /g, 'curl --fail ').replaceAll('localhost:3000', new URL(broker.url).host),
    ]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code, output).toBe(0);
    expect(output).not.toBe('');
  });
});
