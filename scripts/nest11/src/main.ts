import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaListener } from '@genrocks/kafka';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import { TopicsService } from '@genrocks/topics';
import { GenRocksClient, GenRocksServer } from '@genrocks/topics/microservices';
import { ShutdownSignal } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { firstValueFrom } from 'rxjs';
import { AppModule, Database, log } from './app';

const directory = mkdtempSync(join(tmpdir(), 'genrocks-nest11-'));
process.env.LOG_DIR = join(directory, 'log');

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    ok(Date.now() < end, `still not: ${holds.toString()}; ${JSON.stringify(log)}`);
  }
}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['fatal'] });
  app.connectMicroservice({ strategy: app.get(GenRocksServer) }, { inheritAppConfig: true });
  app.enableShutdownHooks([ShutdownSignal.SIGTERM], { useProcessExit: true });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const topics = app.get(TopicsService);

  const post = (order: object) =>
    fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
  equal((await post({ customer: 'ada', amount: 42 })).status, 201);
  equal((await post({ customer: 'ada' })).status, 400);
  await until(() => log.includes('audited'));
  deepEqual(log.splice(0), ['billed ada 84', 'audited']);

  const buried = new Promise<void>((resolve) => topics.events.once('dead-letter', () => resolve()));
  await post({ customer: 'bob', amount: 13 });
  await buried;
  deepEqual(log.splice(0), ['filtered: unlucky', 'filtered: unlucky']);
  const [dead] = await topics.deadLetters.list('orders.dlq');
  deepEqual(dead?.message.value, { customer: 'bob', amount: 13 });

  const client = app.get(GenRocksClient);
  deepEqual(await firstValueFrom(client.send({ cmd: 'price' }, { customer: 'eve', amount: 3 })), {
    cents: 300,
  });
  await firstValueFrom(client.emit('shipped', { customer: 'eve', amount: 1 }));
  await until(() => log.length === 1);
  deepEqual(log.splice(0), ['shipped to eve from shipped']);

  const kafka = new Kafka({ brokers: [app.get(KafkaListener).bootstrap], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const value = JSON.stringify({ customer: 'kim', amount: 1 });
  await producer.send({ topic: 'orders', messages: [{ key: '1', value }] });
  await producer.disconnect();
  await until(() => log.includes('audited'));
  deepEqual(log.splice(0), ['billed kim 2', 'audited']);

  const health = await fetch(`${url}/health`);
  equal(health.status, 200);
  const { status, details } = (await health.json()) as { status: string; details: object };
  deepEqual([status, Object.keys(details)], ['ok', ['storage', 'consumers', 'lag']]);

  const rocksdb = new RocksDbStorageAdapter({ path: join(directory, 'rocksdb') });
  await (await rocksdb.open('state', 0)).put('key', 'value');
  await rocksdb.close();

  // A handler is in flight when the signal comes: it ends before what it writes to is closed.
  const database = app.get(Database);
  let release = () => {};
  database.hold = new Promise((resolve) => (release = resolve));
  const inFlight = new Promise<void>((resolve) => (database.held = resolve));
  await post({ customer: 'zoe', amount: 5 });
  await inFlight;
  process.once('exit', (code) => {
    rmSync(directory, { recursive: true, force: true });
    deepEqual([code, log], [0, ['billed zoe 10', 'audited', 'database closed']]);
  });
  process.kill(process.pid, 'SIGTERM');
  setTimeout(release, 100);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
