import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KafkaListener } from '@genrocks/kafka';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { TopicsTester, TopicsTestingModule } from '@genrocks/topics/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Readings } from '../examples/guides/batch.js';
import { appModule as embedded, Billing, Orders } from '../examples/guides/embed.js';
import { appModule as forEnvironment } from '../examples/guides/environments.js';
import { OrderHandlers } from '../examples/guides/groups.js';
import { AppModule as KafkaApp, fromKafkaToNest } from '../examples/guides/kafka.js';
import { Payments } from '../examples/guides/retries.js';
import * as standalone from '../examples/guides/standalone.js';
import { mailIsSentInTheEnd } from '../examples/guides/testing.js';
import { Billing as SchemaBilling, BillingModule, Order } from '../examples/guides/schemas.js';
import { OrderDto, Shop, ShopModule } from '../examples/guides/typed.js';
import { CliBench } from '../apps/broker/src/cli/__fixtures__/cli.js';
import { codeBlocks } from './code-blocks.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guides = readdirSync(join(root, 'docs/guides')).map((name) => `docs/guides/${name}`);

describe('the guides', () => {
  let directory: string;
  const apps: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-guides-'));
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(module: Parameters<typeof Test.createTestingModule>[0]): Promise<TestingModule> {
    const app = await Test.createTestingModule(module)
      .setLogger(false as never)
      .compile();
    apps.push(app);
    return app.init();
  }

  it('embed: keeps orders on the disk, and bills them once over a restart', async () => {
    const first = await start({ imports: [embedded(directory)] });
    await first.get(Orders).place({ customer: 'ada', amount: 40 });
    await expect.poll(() => first.get(Billing).totals.get('ada')).toBe(40);
    await first.close();
    apps.length = 0;
    const second = await start({ imports: [embedded(directory)] });
    await second.get(Orders).place({ customer: 'ada', amount: 2 });
    await expect.poll(() => second.get(Billing).totals.get('ada')).toBe(2);
  });

  it('embed: the program runs as it stands', async () => {
    const script = join(root, 'examples/dist/guides/embed-main.js');
    const child = spawn(process.execPath, [script], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exit = once(child, 'exit');
    const log = join(directory, 'gen_rocks_data/orders/partition_0');
    await expect.poll(() => existsSync(log) || child.exitCode !== null, { timeout: 30_000 }).toBe(true);
    child.kill('SIGTERM');
    expect((await exit)[0] ?? 0).toBe(0);
  });

  it('test', mailIsSentInTheEnd);

  it('retries: tries again, gives up, puts back', async () => {
    const app = await start({ imports: [TopicsTestingModule.forRoot()], providers: [Payments] });
    const tester = TopicsTester.of(app);
    const payments = app.get(Payments);
    await tester.topics.publishBatch('payments', [{ value: { amount: 0 } }, { value: { amount: 7 } }]);
    await tester.drain();
    expect(payments.charged).toEqual([]);
    payments.isDown = false;
    const { reasons, redriven } = await payments.redrive(0);
    expect([reasons.sort(), redriven]).toEqual([['nothing to charge (1)', 'the provider is down (4)'], 2]);
    await tester.drain();
    expect(payments.charged).toEqual([7]);
    await tester.topics.publish('payments', { value: { amount: 429 } });
    await tester.drain();
    expect(await tester.topics.deadLetters.list('payments.failed')).toHaveLength(4);
  });

  it('batch: inserts many at once, gives back single ones', async () => {
    const app = await start({ imports: [TopicsTestingModule.forRoot()], providers: [Readings] });
    const tester = TopicsTester.of(app);
    const reading = (sensor: string, celsius: unknown) => ({ value: { sensor, celsius } });
    await tester.topics.publishBatch('readings', [reading('a', 20), reading('b', 'warm'), reading('c', 95)]);
    await tester.drain();
    const { rows, alarms } = app.get(Readings);
    expect(rows.map(({ sensor }) => sensor)).toEqual(['a', 'b', 'c']);
    expect(alarms).toEqual(['c']);
    const [letter] = await tester.topics.deadLetters.list('readings.dlq');
    expect(letter).toMatchObject({ reason: 'no number', group: 'alarms', attempts: 2 });
  });

  it('typed topics: takes what fits a schema, and hands over nothing else', async () => {
    const app = await start({ imports: [TopicsTestingModule.forRoot(), BillingModule] });
    const tester = TopicsTester.of(app);
    const billing = app.get(SchemaBilling);
    const { orders } = billing;
    await orders.publish({ value: { id: 1, customer: 'ada', amount: 42 } });
    const wrong = orders.publish({ value: { id: 2, customer: 'bob', amount: -1 } });
    await expect(wrong).rejects.toMatchObject({
      code: 'SCHEMA_VIOLATION',
      details: { issues: [expect.objectContaining({ path: 'amount' })] },
    });
    // As a client that checks nothing writes them.
    const foreign = await tester.topics.startTopic('foreign');
    await foreign.publish({ value: { id: 'three', customer: 'cid', amount: 3 } });
    await foreign.publish({ value: { id: 4, customer: 'dan', amount: 4 } });
    const { batches } = await foreign.partition(0).readBatches({ offset: 0 });
    for (const batch of batches) await orders.partition(0).append(batch);
    await tester.drain();
    expect(billing.written.sort()).toEqual(['1: 4200 EUR', '4: 400 EUR']);
    expect(await billing.refused()).toEqual([expect.stringContaining('id')]);
    const { messages } = await orders.partition(0).readMessages({ offset: 0 });
    expect(messages.at(-1)!.value).toBeInstanceOf(Order);
  });

  it('typed topics: checks what arrives, and keeps what JSON cannot carry', async () => {
    const app = await start({ imports: [TopicsTestingModule.forRoot(), ShopModule] });
    const tester = TopicsTester.of(app);
    const { orders, snapshots, billed } = app.get(Shop);
    await orders.publish({ value: { id: 1, customer: 'ada', amount: 42 } });
    await tester.topics.publish('orders', { value: { id: 'two', customer: 'bob', amount: -1 } });
    await tester.drain();
    expect(billed).toEqual([{ id: 1, customer: 'ada', amount: 42 }]);
    expect(billed[0]).toBeInstanceOf(OrderDto);
    const [letter] = await tester.topics.deadLetters.list('orders.dlq');
    expect(letter).toMatchObject({ error: 'BadRequestException', attempts: 1, offset: 1 });
    const snapshot = { takenAt: new Date(0), totals: new Map([['ada', 2n ** 70n]]) };
    await snapshots.publish({ value: snapshot });
    const { messages } = await snapshots.partition(0).readMessages({ offset: 0 });
    expect(messages[0]!.value).toEqual(snapshot);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    await expect(orders.publish({ value: cyclic as unknown as OrderDto })).rejects.toMatchObject({
      code: 'CODEC_FAILED',
    });
  });

  it.each([
    ['production', 'disk_log'],
    ['test', 'ets'],
  ])('adapters: in %s on %s', async (environment, adapter) => {
    const app = await start({ imports: [forEnvironment(environment, directory)] });
    const topics = app.get(TopicsService).listTopics();
    expect(topics.map((topic) => [topic.name, topic.adapter])).toEqual([
      ['clicks', 'ets'],
      ['orders', adapter],
    ]);
  });

  it('groups: each gets all, members share, patterns take in what comes', async () => {
    const app = await start({ imports: [TopicsTestingModule.forRoot()], providers: [OrderHandlers] });
    const tester = TopicsTester.of(app);
    const handlers = app.get(OrderHandlers);
    await tester.topics.startTopic('orders.eu');
    const member = await handlers.joinShipping();
    for (const id of [1, 2, 3]) await tester.topics.publish('orders', { key: String(id), value: { id } });
    await tester.topics.publish('orders.eu', { value: { id: 4 } });
    await tester.drain();
    expect(handlers.billed).toEqual([1, 2, 3]);
    expect(handlers.shipped.sort()).toEqual([1, 2, 3]);
    expect(await handlers.billAgain(new Date(0))).toEqual([{ topic: 'orders', partition: 0, offset: 0 }]);
    await member.stop();
  });

  it('kafka: what a Kafka client sends, topics read', async () => {
    const app = await start({ imports: [KafkaApp] });
    expect(app.get(KafkaListener).bootstrap).toMatch(/:\d+$/);
    expect(await fromKafkaToNest(app)).toEqual({ amount: 42 });
  });

  it('standalone: the broker takes over the directory, and a Kafka client the group', async () => {
    const before = await start({ imports: [embedded(directory)] });
    await before.get(Orders).place({ customer: 'ada', amount: 40 });
    await expect.poll(() => before.get(Billing).totals.get('ada')).toBe(40);
    await before.close();
    apps.length = 0;
    const broker = await CliBench.start({
      storage: { adapter: 'disk_log', disk_log: { log_dir: directory } },
    });
    const { bootstrap } = broker.app.get(KafkaListener, { strict: false });
    const after = await start({ imports: [standalone.appModule(bootstrap)] });
    apps.push(broker);
    await after.get(standalone.Orders).place({ customer: 'ada', amount: 2 });
    const { totals } = after.get(standalone.Billing);
    await expect.poll(() => totals.get('ada')).toBe(2);
  });

  const blocks = guides.flatMap((guide) =>
    codeBlocks(readFileSync(join(root, guide), 'utf8')).map((block) => ({ guide, ...block })),
  );

  it('have a run for every command they show', () => {
    const shown = blocks.filter(({ language }) => language === 'sh');
    expect(shown.map(({ marker }) => marker)).toEqual(
      shown.map((): unknown => expect.stringMatching(/^run: (broker|directory)$/)),
    );
    expect(shown.length).toBeGreaterThan(5);
  });

  const runnable = blocks
    .filter(({ language }) => language === 'sh')
    .map((block) => ({ ...block, first: block.code.split('\n')[0]! }));

  it.each(runnable)('$guide: $first ...', async ({ marker, code }) => {
    const bench = await CliBench.start({
      storage: { adapter: 'disk_log', disk_log: { log_dir: join(directory, 'broker') } },
    });
    apps.push(bench);
    const before = process.cwd();
    process.chdir(directory);
    try {
      if (marker === 'run: directory') await makeDirectory(join(directory, 'gen_rocks_data'));
      for (const line of code.trim().split('\n')) {
        const { code: exit, output } = await runLine(bench, line);
        expect(exit, `${line}\n${output}`).toBe(0);
      }
    } finally {
      process.chdir(before);
    }
  });
});

/** A log_dir with something in it, that nobody has open. */
async function makeDirectory(logDir: string): Promise<void> {
  const app = await Test.createTestingModule({
    imports: [TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir }) })],
  }).compile();
  await app.init();
  await app.get(TopicsService).publish('orders', { value: 1 });
  await app.close();
}

const GENROCKS = fileURLToPath(new URL('../apps/broker/bin/genrocks.js', import.meta.url));

/** A line of a shell block: `genrocks` alone runs in this process, which is faster; everything else in a shell. */
async function runLine(bench: CliBench, line: string): Promise<{ code: number; output: string }> {
  const isPlain = line.startsWith('genrocks ') && !line.startsWith('genrocks log ') && !/[|<>&;$]/.test(line);
  if (isPlain) {
    const { code, out, err } = await bench.run(wordsOf(line).slice(1));
    return { code, output: out + err };
  }
  const script = `set -o pipefail; genrocks() { "${process.execPath}" "${GENROCKS}" "$@"; }\n${line.replaceAll('curl -s ', 'curl -s --fail ')}`;
  const child = spawn('bash', ['-c', script], { env: { ...process.env, GENROCKS_URL: bench.url } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output };
}

/** The words of a command, quotes taken away. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}
