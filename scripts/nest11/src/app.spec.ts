import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageAdapter } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { TopicsService } from '@genrocks/topics';
import { TopicsTester } from '@genrocks/topics/testing';
import { Test } from '@nestjs/testing';
import { AppModule, log } from './app';

const directory = mkdtempSync(join(tmpdir(), 'genrocks-nest11-jest-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function start() {
  process.env.LOG_DIR = join(directory, 'unused');
  const adapter = new DiskLogStorageAdapter({ logDir: join(directory, 'log') });
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(StorageAdapter)
    .useValue(adapter)
    .compile();
  module.useLogger(false);
  return module.init();
}

it('handles on an adapter that the test has put in, and closes it: a second application goes on over its files', async () => {
  let app = await start();
  const billed = TopicsTester.of(app).spyGroup('billing');
  await app.get(TopicsService).publish('orders', { key: '42', value: { customer: 'ada', amount: 42 } });
  await billed.waitFor(({ offset }) => offset === 0);
  expect(log).toEqual(['billed ada 84', 'audited']);
  await app.close();
  log.length = 0;

  app = await start();
  const tester = TopicsTester.of(app);
  await tester.topics.publish('orders', { key: '42', value: { customer: 'ada', amount: 1 } });
  await tester.drain();
  expect(log).toEqual(['billed ada 43', 'audited']);
  await app.close();
});
