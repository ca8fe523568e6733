import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from '../http/broker-http.adapter.js';
import { toProblem } from '../http/problem.js';
import { describe } from './api.decorators.js';

/** Hop-by-hop headers, which do not apply to the forwarded request. */
const OF_THE_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding'];

/**
 * Serves the OpenAPI description of the HTTP API at `/docs`, and as JSON at `/docs-json`; `/` leads there. The first
 * request loads the description; until then it costs nothing.
 *
 * @publicApi
 */
export function setupDocs<T extends NestFastifyApplication>(app: T): T {
  const adapter = app.getHttpAdapter();
  let pages: Promise<NestFastifyApplication> | undefined;
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    try {
      const { url, headers } = request;
      const page = await (await (pages ??= openPages(app))).inject({ method: 'GET', url, headers });
      if (page.statusCode === 404) return reply.callNotFound();
      for (const name of OF_THE_CONNECTION) delete page.headers[name];
      void reply.code(page.statusCode).headers(page.headers).send(page.rawPayload);
    } catch (error) {
      pages = undefined;
      void sendProblem(reply, toProblem(error));
    }
  };
  adapter.get('/', answerIndex);
  for (const path of ['/docs', '/docs/*', '/docs-json', '/docs-yaml']) adapter.get(path, answer);
  adapter.getInstance().addHook('onClose', async () => {
    await (await pages)?.close();
  });
  return app;
}

/** The index at `/`. Links are relative, so that they work behind a proxy with a path prefix. */
const INDEX = {
  name: 'GenRocks',
  docs: 'docs',
  openapi: 'docs-json',
  topics: 'v1/topics',
  groups: 'v1/groups',
  health: 'health/ready',
  metrics: 'metrics',
};

/** Redirects a browser to the pages; a client that does not follow redirects gets the index. */
function answerIndex(_request: FastifyRequest, reply: FastifyReply): void {
  void reply.code(302).header('location', INDEX.docs).send(INDEX);
}

@Module({})
class PagesModule {}

/** A separate application that does not listen, because Fastify accepts no new routes once it runs. */
async function openPages(app: NestFastifyApplication): Promise<NestFastifyApplication> {
  const swagger = await import('@nestjs/swagger');
  const { DocumentBuilder, SwaggerModule } = swagger;
  describe(swagger);
  const description = new DocumentBuilder()
    .setTitle('GenRocks')
    .setDescription('A durable message log: topics, partitions and consumer groups over HTTP')
    .setVersion('1')
    .build();
  const pages = await NestFactory.create<NestFastifyApplication>(PagesModule, new FastifyAdapter(), {
    abortOnError: false,
  });
  SwaggerModule.setup('docs', pages, SwaggerModule.createDocument(app, description));
  await pages.init();
  return pages;
}
