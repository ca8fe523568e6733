import type { INestApplication } from '@nestjs/common';
import { GenRocksServer } from '@genrocks/topics/microservices';

export async function startHandlers(app: INestApplication): Promise<void> {
  app.connectMicroservice({ strategy: app.get(GenRocksServer) }, { inheritAppConfig: true });
  await app.startAllMicroservices();
}
