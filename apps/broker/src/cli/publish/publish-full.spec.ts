import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TopicsService } from '@genrocks/topics';
import { expect, it } from 'vitest';
import { CliBench } from '../__fixtures__/cli.js';

const RECORDS = 4_000;

it('publishes a file once, whenever one partition of two is full and the other is not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'genrocks-full-'));
  const bench = await CliBench.start({
    storage: { adapter: 'disk_log', disk_log: { log_dir: join(directory, 'data') } },
  });
  try {
    const topics = bench.app.get(TopicsService);
    const storage = { logType: 'halt', maxNoBytes: 100 << 10 };
    const topic = await topics.startTopic<{ n: number }>('numbers', { partitions: 2, storage });
    const seen: number[] = [];
    const take = async () => {
      for await (const { value } of topic.messages({ live: false })) seen.push(value.n);
      await topic.truncate();
    };
    const path = join(directory, 'in.jsonl');
    const pad = 'x'.repeat(40);
    const lines = Array.from({ length: RECORDS }, (_, n) =>
      JSON.stringify({ key: n % 3 === 0 ? `b${n % 7}` : 'a', n, pad }),
    );
    await writeFile(path, lines.join('\n'));
    let rounds = 0;
    for (; rounds < 10; rounds++) {
      const ran = await bench.run(['publish', 'numbers', '-f', path, '--key-field', 'key', '-q']);
      await take();
      if (ran.code === 0) break;
      expect(ran.err).toMatch(/LOG_FULL: record \d+: .* is full/);
    }
    expect(rounds).toBeGreaterThan(0);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: RECORDS }, (_, n) => n));
  } finally {
    await bench.close();
    await rm(directory, { recursive: true, force: true });
  }
});
