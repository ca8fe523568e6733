import { Module } from '@nestjs/common';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { TopicsModule } from '@genrocks/topics';

export const twoAdapters = (logDir: string) =>
  TopicsModule.forRoot({
    storage: DiskLogModule.forRoot({ logDir }),
    adapters: [{ module: EtsModule.forRoot(), adapter: EtsStorageAdapter }],
    topics: [
      { name: 'orders', partitions: 4, storage: { maxNoFiles: 20 } },
      { name: 'metrics', storage: { adapter: 'ets' } },
    ],
  });

@Module({ imports: [twoAdapters('./gen_rocks_data')] })
export class AppModule {}
