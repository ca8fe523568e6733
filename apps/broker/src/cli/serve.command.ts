import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Command, CommandRunner, Option } from 'nest-commander';
import type { BrokerConfig } from '../config/broker-config.js';
import type { LoadedConfig } from '../config/load-config.js';
import { LOG_LEVELS } from '../config/log-levels.js';
import { EXIT } from './exit-codes.js';
import { onEndSignals, onReloadSignal } from './signals.js';

interface ServeOptions {
  config?: string;
}

/** `genrocks serve`: runs the broker until a signal ends it. */
@Command({
  name: 'serve',
  description: 'Run the broker: durable topics over HTTP and for Kafka clients',
})
export class ServeCommand extends CommandRunner {
  @Option({
    flags: '-c, --config <file>',
    description: 'YAML configuration file (default: GENROCKS_CONFIG, or genrocks.yaml if it exists)',
  })
  parseConfig(file: string): string {
    return file;
  }

  override async run(_arguments: string[], options: ServeOptions): Promise<void> {
    // The broker keeps running if the reader of the log goes away, or its device is full.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    let app: NestFastifyApplication | undefined;
    let isStopping = () => false;
    let loaded: LoadedConfig | undefined;
    let runs: (reload: () => Promise<void>) => void = () => {};
    onReloadSignal(new Promise((resolve) => (runs = resolve)));
    // Loaded here, so that other commands start without a web server and the adapters.
    const [{ createBroker, listen }, { loadConfig }, { ConfigReloader }, { explainStartFailure }] =
      await Promise.all([
        import('../broker.js'),
        import('../config/load-config.js'),
        import('../config/config-reloader.js'),
        import('./explain.js'),
      ]);
    try {
      loaded = loadConfig({ file: options.config });
      const logger = createLogger(loaded.config);
      Logger.overrideLogger(logger);
      for (const warning of loaded.warnings) logger.warn(warning, 'Config');
      app = await createBroker(loaded.config, { logger });
      isStopping = closeOnSignal(app, loaded.config.http.shutdownTimeoutMs + STORAGE_GRACE_MS);
      await listen(app, loaded.config);
      const reloader = new ConfigReloader(app, loaded.config, () => loadConfig({ file: options.config }));
      runs(() => reloader.reload());
    } catch (error) {
      // A start interrupted by a signal has not failed; closing ends the process.
      if (isStopping()) await new Promise(() => {});
      for (const line of explainStartFailure(error, loaded?.config)) process.stderr.write(`${line}\n`);
      await app?.close().catch(() => {});
      process.exit(EXIT.failed);
    }
    await new Promise(() => {});
  }
}

/** Logs one JSON object per line, without Nest's own messages about its start, which do not help an operator. */
function createLogger({ logLevel }: BrokerConfig): ConsoleLogger {
  const levels = LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(logLevel) + 1) as unknown as LogLevel[];
  return new BrokerLogger({ json: true, colors: false, logLevels: [...levels, 'fatal'] });
}

/** Contexts that only log modules and routes at start. */
const FRAMEWORK_CONTEXTS = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

class BrokerLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (this.isLevelEnabled('debug') || !FRAMEWORK_CONTEXTS.has(rest.at(-1) as string)) {
      super.log(message, ...(rest as [string]));
    }
  }

  /** Omits Nest's own error about a failed start: it is reported once, in plain words, on standard error. */
  override error(message: unknown, ...rest: unknown[]): void {
    if (this.isLevelEnabled('debug') || !FRAMEWORK_CONTEXTS.has(rest.at(-1) as string)) {
      super.error(message, ...(rest as [string]));
    }
  }
}

/** After the requests in flight, consumers and storage have this long to finish before the process exits anyway. */
const STORAGE_GRACE_MS = 30_000;

/**
 * Stops the broker gracefully on the first SIGTERM or SIGINT: no new requests, requests in flight finish, consumers
 * commit, storage closes last. A second signal exits at once.
 * @returns a function that tells whether a signal has arrived
 */
function closeOnSignal(app: NestFastifyApplication, limitMs: number): () => boolean {
  const logger = new Logger('Broker');
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    stopping = true;
    logger.log(`${signal}: stopping; finishing requests in flight`);
    setTimeout(() => {
      logger.error(`not stopped after ${limitMs} ms: exiting at once; acknowledged messages are safe`);
      process.exit(EXIT.failed);
    }, limitMs);
    try {
      await app.close();
      logger.log('stopped');
      process.exit(EXIT.ok);
    } catch (error) {
      logger.error(`could not stop gracefully: ${(error as Error).message}`, (error as Error).stack);
      process.exit(EXIT.failed);
    }
  };
  const stopAtOnce = (signal: NodeJS.Signals) => {
    logger.warn(`${signal} again: exiting at once`);
    process.exit(EXIT.interrupted);
  };
  onEndSignals((signal) => void stop(signal), stopAtOnce);
  return () => stopping;
}
