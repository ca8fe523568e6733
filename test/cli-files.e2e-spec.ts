import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TopicsService } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from './broker-harness.js';

const BIN = fileURLToPath(new URL('../apps/broker/bin/genrocks.js', import.meta.url));
const BUILT = existsSync(fileURLToPath(new URL('../apps/broker/dist/main.js', import.meta.url)));
const RECORDS = 25_000;

describe.skipIf(!BUILT)('publish and consume, killed in the middle', () => {
  let broker: RunningBroker;
  let directory: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    broker = await startBroker('disk_log');
    directory = await mkdtemp(join(tmpdir(), 'genrocks-files-'));
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await broker.close();
    await rm(directory, { recursive: true, force: true });
  });

  function start(...args: string[]): {
    child: ChildProcess;
    ended: Promise<{ code: number | null; err: string }>;
  } {
    const child = spawn(process.execPath, [BIN, ...args], {
      env: { ...process.env, GENROCKS_URL: broker.url },
    });
    children.push(child);
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.resume();
    return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, err })) };
  }

  /** Kills it as soon as something is true, then runs the same again to its end. */
  async function killThenFinish(args: string[], when: () => boolean): Promise<string> {
    const first = start(...args);
    await expect
      .poll(() => first.child.exitCode !== null || when(), { interval: 2, timeout: 30_000 })
      .toBe(true);
    first.child.kill('SIGKILL');
    await first.ended;
    const { code, err } = await start(...args).ended;
    expect(code, err).toBe(0);
    return err;
  }

  it('lose nothing, repeat only what was not noted, and leave no torn line', async () => {
    const topics = broker.app.get(TopicsService);
    await topics.startTopic('numbers', { partitions: 3 });
    const input = join(directory, 'in.jsonl');
    const pad = 'x'.repeat(200);
    await writeFile(input, Array.from({ length: RECORDS }, (_, n) => `{"n":${n},"pad":"${pad}"}\n`).join(''));
    const position = `${input}.numbers.position`;
    const publish = ['publish', 'numbers', '--file', input, '--key-field', 'n'];
    const resumed = await killThenFinish(publish, () => existsSync(position));
    expect(resumed).toMatch(/resuming after record \d+/);
    expect(existsSync(position)).toBe(false);

    const counts = new Uint8Array(RECORDS);
    for await (const { value } of topics.topic<{ n: number }>('numbers').messages({ live: false })) {
      counts[value.n]!++;
    }
    // Each of them is there; what is there twice is one stretch, behind the position that was noted.
    expect(counts.indexOf(0)).toBe(-1);
    const repeated = [...counts].flatMap((count, n) => (count > 1 ? [n] : []));
    if (repeated.length > 0) expect(repeated.at(-1)! - repeated[0]! + 1).toBe(repeated.length);

    const output = join(directory, 'out.jsonl');
    const consume = ['consume', 'numbers', '--out', output, '--group', 'copy'];
    await killThenFinish(consume, () => existsSync(output) && statSync(output).size > 1_000_000);
    const lines = (await readFile(output, 'utf8')).trimEnd().split('\n');
    const seen = new Set(
      lines.map((line) => {
        const { partition, offset } = JSON.parse(line) as { partition: number; offset: number };
        return `${partition}:${offset}`;
      }),
    );
    expect(seen.size).toBe(lines.length);
    expect(lines.length).toBe(counts.reduce((sum, count) => sum + count, 0));
    expect((await topics.groups.describe('copy')).lag).toBe(0);
  });

  it('repeat nothing of a request that one partition has stored and another has not', async () => {
    const topics = broker.app.get(TopicsService);
    const storage = { logType: 'halt', maxNoBytes: 64 << 10 };
    const topic = await topics.startTopic<{ n: number }>('halves', { partitions: 2, storage });
    const input = join(directory, 'halves.jsonl');
    const records = Array.from({ length: 1_000 }, (_, n) => n);
    await writeFile(input, records.map((n) => `{"n":${n}}\n`).join(''));
    // Between the command and the broker: passes the first request on, and answers no other.
    const between = createServer((request, response) => {
      if (request.method === 'POST' && ++requests > 1) return;
      const { method, url, headers } = request;
      const onward = forward(new URL(url!, broker.url), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    let requests = 0;
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    const { port } = between.address() as AddressInfo;
    try {
      // Fills partition 1.
      const filler = 'x'.repeat(20 << 10);
      const fill = () => topic.publish({ partition: 1, value: filler as never });
      await expect(
        (async () => {
          for (;;) await fill();
        })(),
      ).rejects.toMatchObject({ code: 'LOG_FULL' });
      const publish = ['publish', 'halves', '--file', input, '--key-field', 'n'];
      const first = start(...publish, '--url', `http://127.0.0.1:${port}`);
      await expect.poll(() => requests, { interval: 2, timeout: 30_000 }).toBe(2);
      first.child.kill('SIGKILL');
      await first.ended;
      const half = topic.partition(0).endOffset;
      expect(half).toBeGreaterThan(100);
      expect(topic.partition(1).endOffset).toBeLessThan(10);
      await topic.partition(1).truncate();
      const { code, err } = await start(...publish).ended;
      expect([code, err]).toEqual([0, expect.stringContaining('resuming after record') as string]);
      expect(topic.partition(0).endOffset).toBe(half);
      const seen: number[] = [];
      for await (const { value } of topic.messages({ live: false })) seen.push(value.n);
      expect(seen.toSorted((a, b) => a - b)).toEqual(records);
    } finally {
      between.closeAllConnections();
      between.close();
    }
  });
});
