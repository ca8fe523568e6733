import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** Serves the OpenAPI description of the HTTP API at `/docs`, as JSON at `/docs-json`. */
export function setupDocs<T extends INestApplication>(app: T): T {
  const description = new DocumentBuilder()
    .setTitle('GenRocks')
    .setDescription('A durable message log: topics, partitions and consumer groups over HTTP')
    .setVersion('1')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description));
  return app;
}
