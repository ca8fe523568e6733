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
  description: 'Run the broker: durable topics over HTTP, and for Kafka clients (kafka.port)',
})
export class ServeCommand extends CommandRunner {
  @Option({
    flags: '-c, --config <file>',
    description:
      'YAML file with the configuration (default: GENROCKS_CONFIG, or genrocks.yaml where there is one)',
  })
  parseConfig(file: string): string {
    return file;
  }

  override async run(_arguments: string[], options: ServeOptions): Promise<void> {
    // Whoever reads the log may go away, and its device be full: the broker goes on.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    let app: NestFastifyApplication | undefined;
    let isStopping = () => false;
    let loaded: LoadedConfig | undefined;
    let runs: (reload: () => Promise<void>) => void = () => {};
    onReloadSignal(new Promise((resolve) => (runs = resolve)));
    // Loaded here, so that the other commands start without a web server and all adapters.
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
      // What a signal has broken off has not failed; closing ends the process.
      if (isStopping()) await new Promise(() => {});
      for (const line of explainStartFailure(error, loaded?.config)) process.stderr.write(`${line}\n`);
      await app?.close().catch(() => {});
      process.exit(EXIT.failed);
    }
    await new Promise(() => {});
  }
}

/** One JSON object a line. What Nest itself tells of its start is of no use to an operator and left out. */
function createLogger({ logLevel }: BrokerConfig): ConsoleLogger {
  const levels = LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(logLevel) + 1) as unknown as LogLevel[];
  return new BrokerLogger({ json: true, colors: false, logLevels: [...levels, 'fatal'] });
}

/** Contexts that only speak of modules and routes at start. */
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

  /** A failure to start is told once, in plain words, on standard error. */
  override error(message: unknown, ...rest: unknown[]): void {
    if (this.isLevelEnabled('debug') || !FRAMEWORK_CONTEXTS.has(rest.at(-1) as string)) {
      super.error(message, ...(rest as [string]));
    }
  }
}

/** After the requests in flight, consumers and storage get this long to finish before the process ends anyway. */
const STORAGE_GRACE_MS = 30_000;

/**
 * The first SIGTERM or SIGINT stops the broker in order: no new requests, requests in flight finish, consumers
 * commit, storage closes last. A second one ends the process at once.
 * @returns whether one has come
 */
function closeOnSignal(app: NestFastifyApplication, limitMs: number): () => boolean {
  const logger = new Logger('Broker');
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    stopping = true;
    logger.log(`${signal}: finishing what is in flight`);
    setTimeout(() => {
      logger.error(`still not stopped after ${limitMs} ms: ending at once; acknowledged messages are safe`);
      process.exit(EXIT.failed);
    }, limitMs);
    try {
      await app.close();
      logger.log('stopped');
      process.exit(EXIT.ok);
    } catch (error) {
      logger.error(`could not stop in order: ${(error as Error).message}`, (error as Error).stack);
      process.exit(EXIT.failed);
    }
  };
  const stopAtOnce = (signal: NodeJS.Signals) => {
    logger.warn(`${signal} again: ending at once`);
    process.exit(EXIT.interrupted);
  };
  onEndSignals((signal) => void stop(signal), stopAtOnce);
  return () => stopping;
}
