import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench, genrocks } from '../__fixtures__/cli.js';
import type { BenchReport } from './bench.command.js';

describe('genrocks bench', () => {
  let bench: CliBench;
  beforeAll(async () => {
    bench = await CliBench.start();
  });
  afterAll(() => bench.close());

  const small = ['--messages', '250', '--batch', '100', '--publishers', '2', '--size', '64'];
  const topics = async () => (await bench.run(['topic', 'list', '--json'])).out;

  it('publishes, reads, tells how fast, and leaves nothing', async () => {
    const { code, out, err } = await bench.run(['bench', ...small, '--partitions', '2', '--json']);
    expect(code).toBe(0);
    // What it is about to do it says first.
    expect(err).toMatch(
      /^genrocks: publishing messages of 64 bytes for up to 5 s to the topic genrocks-bench-/,
    );
    const report = JSON.parse(out) as BenchReport;
    expect(report).toMatchObject({ adapter: 'ets', durable: false, partitions: 2, size: 64, complete: true });
    expect(report.publish).toMatchObject({ messages: 250, requests: 3 });
    expect(report.publish.request_ms.max).toBeGreaterThanOrEqual(report.publish.request_ms.p50);
    expect(report.consume.messages).toBe(250);
    expect(report.consume.messages_per_second).toBeGreaterThan(0);
    expect(await topics()).toBe('');
  });

  it('prints a table for people', async () => {
    const { out } = await bench.run(['bench', ...small]);
    expect(out).toMatch(/^1 partition\(s\) on ets \(not durable\), messages of 64 bytes, 100 per request/);
    expect(out).toMatch(/\npublish +250 [^]*\nconsume +250 [^]*acknowledgement of 3 request\(s\):/);
  });

  it('works on a directory', async () => {
    const logDir = bench.path('log');
    const { code, out } = await genrocks(['bench', ...small, '--log-dir', logDir, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ adapter: 'disk_log', durable: true, publish: { messages: 250 } });
    expect((await genrocks(['topic', 'list', '--log-dir', logDir, '--json'])).out).toBe('');
  });

  it('deletes its topic and tells what it has when it is told to end, or fails', async () => {
    const ending = AbortSignal.abort();
    const { code, out } = await bench.run(['bench', ...small, '--json'], { signal: ending });
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ complete: false, publish: { messages: 0 } });
    const failed = await bench.run(['bench', '--size', '2000000', '--batch', '1']);
    expect(failed).toMatchObject({ code: 1, out: '' });
    expect(failed.err).toContain('MESSAGE_TOO_LARGE');
    expect(await topics()).toBe('');
    const unknown = await bench.run(['bench', '--adapter', 'bogus']);
    expect(unknown).toMatchObject({ code: 1, out: '' });
    expect(unknown.err).toMatch(/^genrocks: INVALID_REQUEST: storage.adapter[^\n]+\n$/);
    const wrong = await bench.run(['bench', '--size', '1000000', '--batch', '1000']);
    expect(wrong.err).toContain('--batch');
  });
});
