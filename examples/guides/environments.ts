import { Module } from '@nestjs/common';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { type StorageModule, TopicsModule } from '@genrocks/topics';

/** On disk in production, in memory elsewhere. */
export function storageFor(environment: string | undefined, logDir: string): StorageModule {
  return environment === 'production' ? DiskLogModule.forRoot({ logDir }) : EtsModule.forRoot();
}

export const appModule = (environment: string | undefined, logDir: string) => {
  @Module({
    imports: [
      TopicsModule.forRootAsync({
        storage: storageFor(environment, logDir),
        // For topics that name this adapter, whatever the default is.
        adapters:
          environment === 'production' ? [{ module: EtsModule.forRoot(), adapter: EtsStorageAdapter }] : [],
        // Everything else may come from a factory that injects other providers.
        useFactory: () => ({
          topics: [
            { name: 'orders', partitions: 4 },
            { name: 'clicks', storage: { adapter: 'ets' } },
          ],
        }),
      }),
    ],
  })
  class AppModule {}
  return AppModule;
};
