import type { AddressInfo } from 'node:net';
import { type ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { BrokerModule } from './broker.module.js';
import type { BrokerConfig } from './config/broker-config.js';
import { storageDirectory } from './config/storage.config.js';
import { setupDocs } from './docs/setup-docs.js';
import { BrokerHttpAdapter } from './http/broker-http.adapter.js';

/** Options of {@link createBroker} besides the configuration. */
export interface CreateBrokerOptions {
  /** Default: Nest's own logger. */
  logger?: ConsoleLogger | false;
}

/**
 * Creates a broker that is not listening yet.
 *
 * @example
 * const broker = await createBroker(loadConfig().config);
 * const url = await listen(broker, config);
 *
 * @publicApi
 */
export async function createBroker(
  config: BrokerConfig,
  options: CreateBrokerOptions = {},
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    BrokerModule.forRoot(config),
    new BrokerHttpAdapter(config.http),
    { abortOnError: false, ...options },
  );
  return setupDocs(app);
}

/** Length of the queue of unaccepted connections: a burst of new clients is not refused. */
const BACKLOG = 4096;

/**
 * Opens storage, then listens.
 * @returns the base URL of the HTTP API
 */
export async function listen(app: NestFastifyApplication, config: BrokerConfig): Promise<string> {
  const { host, port } = config.http;
  await app.listen({ host, port, backlog: BACKLOG });
  const { address, port: taken, family } = app.getHttpServer().address() as AddressInfo;
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
  new Logger('Broker').log(
    `GenRocks listens on ${url}, ${describeStorage(config)}; API description at ${url}/docs`,
  );
  return url;
}

/** The active store and its location, which an operator must be able to see. */
function describeStorage({ storage }: BrokerConfig): string {
  const directory = storageDirectory(storage);
  if (directory === undefined) return 'storage ets (in memory: messages are lost when the process ends)';
  return `storage ${storage.adapter} in ${directory}`;
}
