import { Test } from '@nestjs/testing';
import { StorageAdapter } from '@genrocks/storage';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { AppModule } from './embed.js';

/** The application under test, with its storage in memory. */
export async function testApp() {
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(StorageAdapter)
    .useValue(new EtsStorageAdapter({}))
    .compile();
  return app.init();
}
