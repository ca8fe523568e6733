/** GenRocks topics inside this process, behind the face of peers.mjs. */
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { indexOf, payload } from './peers.mjs';

/** Room for everything a cell publishes: nothing may be overwritten before it was handled. */
const ROOM = { maxNoFiles: 100, maxNoBytes: '256MB' };

async function topics({ directory, storage }, bytes) {
  const adapter =
    storage === 'ets'
      ? EtsModule.forRoot()
      : DiskLogModule.forRoot({ logDir: join(directory, String(process.pid)), sync: 'always', ...ROOM });
  const app = await NestFactory.createApplicationContext(
    TopicsModule.forRoot({ storage: adapter, topics: [{ name: 'bench' }] }),
    { logger: false },
  );
  const service = app.get(TopicsService);
  const topic = service.topic('bench');
  return {
    publish: (index) => topic.publish({ value: payload(index, bytes) }),
    consume: (onMessage) =>
      service.startConsumerGroup({
        group: 'bench',
        topics: ['bench'],
        handler: (message) => onMessage(indexOf(message.valueBytes)),
      }),
    close: () => app.close(),
  };
}

export const OURS = { topics };
