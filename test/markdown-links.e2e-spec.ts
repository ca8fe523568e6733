import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { anchors, brokenLinks } from './markdown-links.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const git = spawnSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
const documents = git.stdout.split('\n').filter((name) => name !== '');

it.skipIf(git.status !== 0).each(documents)('%s links to files and headings that exist', (document) => {
  expect(brokenLinks(join(root, document))).toEqual([]);
});

it('knows the anchors of GitHub', () => {
  const text =
    '# Health, metrics, traces\n## `log.left` & [a link](x.md)\n## Same\n## Same\n```sh\n# no heading\n```\n';
  expect([...anchors(text)]).toEqual(['health-metrics-traces', 'logleft--a-link', 'same', 'same-1']);
});

it('finds a heading or file that does not exist', async () => {
  const home = await mkdtemp(join(tmpdir(), 'genrocks-links-'));
  try {
    await writeFile(join(home, 'README.md'), '# There\n');
    const file = join(home, 'a.md');
    const links = [
      '#here',
      '#gone',
      'README.md#there',
      'README.md#gone',
      '.#there',
      'no.md',
      'https://x.org/#y',
    ];
    await writeFile(file, `# Here\n${links.map((link) => `[x](${link})`).join('\n')}\n`);
    expect(brokenLinks(file)).toEqual(['#gone', 'README.md#gone', 'no.md']);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
