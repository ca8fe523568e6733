import { lstatSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from '@genrocks/storage';
import { DiskLogOptions } from '@genrocks/storage-disklog';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createBroker } from '../../broker.js';
import type { BrokerConfig } from '../../config/broker-config.js';
import { loadConfig } from '../../config/load-config.js';
import { pathReason } from '../../path-reasons.js';
import type { ApiAnswer, ApiRequest, Transport } from './transport.js';

export interface DirectoryOptions {
  /** Configuration file, as `genrocks serve` takes it. */
  readonly config: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Creates the directory if it does not exist. */
  readonly mayCreate: boolean;
}

/**
 * A broker inside this process, on a log_dir that no other process has open. It does not listen: requests go directly
 * to its handlers, so commands get the same answers as from a running broker.
 */
export class DirectoryTransport implements Transport {
  readonly isShared = false;

  private constructor(private readonly app: NestFastifyApplication) {}

  /** @throws `LOCKED` with the owner's pid, `INVALID_ARGUMENT`, `INVALID_CONFIG`, or an error of the store */
  static async open(directory: string, options: DirectoryOptions): Promise<DirectoryTransport> {
    const logDir = resolve(directory);
    assertLogDir(logDir, options.mayCreate);
    const { config } = loadConfig({
      env: options.env,
      ...(options.config === undefined ? {} : { file: options.config }),
    });
    const app = await createBroker(onDirectory(config, logDir), { logger: false });
    try {
      await app.init();
    } catch (error) {
      await app.close().catch(() => {});
      throw error;
    }
    return new DirectoryTransport(app);
  }

  async send({ method, path, body, signal }: ApiRequest): Promise<ApiAnswer> {
    signal?.throwIfAborted();
    const answer = await this.app
      .getHttpAdapter()
      .getInstance()
      .inject({
        method,
        url: `/${path}`,
        ...(body === undefined ? {} : { payload: body.bytes, headers: { 'content-type': body.type } }),
      });
    return { status: answer.statusCode, text: answer.payload };
  }

  async close(): Promise<void> {
    await this.app.close();
  }
}

/** The configuration `genrocks serve` would use, with its limits and log settings, but for this directory. */
function onDirectory(config: BrokerConfig, logDir: string): BrokerConfig {
  config.storage.adapter = 'disk_log';
  config.storage.diskLog = Object.assign(config.storage.diskLog ?? new DiskLogOptions(), { logDir });
  config.kafka.enabled = false;
  config.topics = [];
  return config;
}

/** Refuses a path that is not a log_dir, so that a misspelt one does not become one. */
function assertLogDir(logDir: string, mayCreate: boolean): void {
  const remedy = 'use the value of storage.disk_log.log_dir (GENROCKS_LOG_DIR), such as ./gen_rocks_data';
  const refuse = (reason: string) => new InvalidArgumentError(`--log-dir: ${logDir} ${reason}; ${remedy}`);
  let names: string[];
  try {
    names = readdirSync(logDir);
  } catch (error) {
    const refused = error as NodeJS.ErrnoException;
    if (refused.code !== 'ENOENT') {
      throw new InvalidArgumentError(`--log-dir: ${logDir} cannot be read: ${pathReason(refused, remedy)}`);
    }
    if (lstatSync(logDir, { throwIfNoEntry: false }) !== undefined) throw refuse('is a broken symbolic link');
    if (mayCreate) return;
    throw refuse('does not exist');
  }
  if (names.includes('__genrocks') || (mayCreate && names.length === 0)) return;
  throw refuse('is not the log_dir of a broker');
}
