import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isGenRocksError, type StorageSupports } from '@genrocks/storage';
import { checkOptions, IsSize } from '@genrocks/storage/config';
import { type ConformanceTest, conformanceTests } from '@genrocks/storage/testing';
import { DiskLogModule, type DiskLogOptions } from '@genrocks/storage-disklog';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { InjectTopic, type Message, type Topic, TopicsModule, TopicsService } from '@genrocks/topics';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

interface Order {
  amount: number;
}

@Injectable()
class Orders {
  constructor(@InjectTopic('orders') readonly topic: Topic<Order>) {}
}

const directory = mkdtempSync(join(tmpdir(), 'genrocks-consumer-'));
const options: DiskLogOptions = { logDir: directory, sync: 'always' };

@Module({
  imports: [
    TopicsModule.forRoot({
      storage: DiskLogModule.forRoot(options),
      adapters: [{ module: EtsModule.forRoot(), adapter: EtsStorageAdapter }],
    }),
    TopicsModule.forFeature(['orders']),
  ],
  providers: [Orders],
})
class AppModule {}

class Limits {
  @IsSize({ min: 1 }) size = 1;
}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
try {
  const { offset } = await app.get(Orders).topic.publish({ key: 'ada', value: { amount: 42 } });
  const received = await new Promise<Message<Order>>((resolve, reject) => {
    app
      .get(TopicsService)
      .startConsumerGroup<Order>({ group: 'billing', topics: ['orders'], handler: resolve })
      .catch(reject);
  });
  assert.equal(received.offset, offset);
  assert.equal(received.value.amount, 42);
  assert.throws(
    () => checkOptions(Limits, { sise: 1 }, { where: 'limits' }),
    (error) => isGenRocksError(error, 'INVALID_CONFIG'),
  );
  const supports: StorageSupports = new EtsStorageAdapter().supports;
  const tests: ConformanceTest[] = conformanceTests({
    supports,
    create: async () => new EtsStorageAdapter(),
  });
  assert.ok(tests.length > 20);
} finally {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
}
