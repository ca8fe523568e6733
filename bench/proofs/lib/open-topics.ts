import { NestFactory } from '@nestjs/core';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { TopicsModule, TopicsService } from '@genrocks/topics';

/** Topics on a disk log that keeps everything that a proof writes. */
export async function openTopics(
  directory: string,
): Promise<{ topics: TopicsService; close: () => Promise<void> }> {
  const app = await NestFactory.createApplicationContext(
    TopicsModule.forRoot({
      storage: DiskLogModule.forRoot({ logDir: directory, maxNoFiles: 60_000, maxNoBytes: 64 << 20 }),
      maxPartitionsPerTopic: 10_000,
    }),
    { logger: false },
  );
  return { topics: app.get(TopicsService), close: () => app.close() };
}
