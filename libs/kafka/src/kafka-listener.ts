import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { InvalidConfigError, isError, isGenRocksError } from '@genrocks/storage';
import {
  TOPICS_ADAPTERS,
  TOPICS_OPTIONS,
  type TopicsAdapters,
  type TopicsOptions,
  TopicsService,
} from '@genrocks/topics';
import { VirtualCluster } from './cluster/virtual-cluster.js';
import { NotListeningError } from './errors.js';
import { Desk } from './guards/rule.js';
import { guarded } from './guards/rules.js';
import type { BrokerContext } from './handlers/broker-context.js';
import { routesOf } from './handlers/routes.js';
import { SaslGate } from './handlers/sasl.js';
import { TopicDirectory } from './handlers/topic-directory.js';
import { MODULE_OPTIONS_TOKEN } from './module/kafka.module-definition.js';
import {
  type KafkaOptions,
  type KafkaReload,
  type ResolvedKafkaOptions,
  resolveKafkaOptions,
  restartProblems,
} from './options.js';
import { ProducerIds } from './producers/producer-ids.js';
import { ProducerRegistry } from './producers/producer-registry.js';
import { usersOf } from './security/user-options.js';
import { Users } from './security/users.js';
import { expiryOf } from './security/certificate.js';
import { Dispatcher } from './server/dispatcher.js';
import { KafkaServer } from './server/kafka-server.js';
import { KafkaState } from './state/kafka-state.js';

const DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024;

/** The address on which the listener can be reached. */
export interface KafkaAddress {
  /** The bound address, as the operating system reports it. */
  readonly host: string;
  /** The bound port, also if the option was 0. */
  readonly port: number;
}

/** The state of the listener's connections. Counters start at the application's bootstrap. */
export interface KafkaStatus {
  /** Open connections. */
  readonly connections: number;
  /** Bytes held by requests in flight. */
  readonly requestBytes: number;
  /** Bytes of answers being built, or not yet received by their clients. */
  readonly answerBytes: number;
  /** Connections closed on arrival: over `maxConnections` (`limit`), or failing the TLS requirements (`tls`). */
  readonly refusedConnections: { readonly limit: number; readonly tls: number };
  /** Failed logins. */
  readonly failedLogins: number;
  /** When the certificate shown to new connections expires; undefined without TLS. */
  readonly certificateExpiresAt: Date | undefined;
}

/**
 * The application's Kafka listener. It listens from the application's bootstrap on. On shutdown it answers the requests
 * in flight before the topics close.
 *
 * @publicApi
 */
@Injectable()
export class KafkaListener implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Kafka');
  private options: ResolvedKafkaOptions;
  private readonly state = new KafkaState();
  private readonly producers = new ProducerRegistry(this.state);
  private server: KafkaServer | undefined;
  private gate: SaslGate | undefined;
  private readonly onTopicDeleted = ({ id }: { readonly id: string }): void => {
    this.producers.forgetTopic(id).catch((error: unknown) => this.report(error, 'a deleted topic'));
  };

  /** @throws `INVALID_CONFIG` if an option is wrong */
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(MODULE_OPTIONS_TOKEN) options: KafkaOptions,
  ) {
    this.options = resolveKafkaOptions(options);
  }

  /**
   * The bound address; the first one if there are several brokers.
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap and after its shutdown
   */
  get address(): KafkaAddress {
    return this.addresses[0]!;
  }

  /**
   * The addresses of all brokers, in the order of their ids.
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap and after its shutdown
   */
  get addresses(): readonly KafkaAddress[] {
    if (this.server === undefined) throw new NotListeningError();
    return this.server.addresses.map(({ address: host, port }) => ({ host, port }));
  }

  /**
   * The address for the bootstrap servers of Kafka clients, as `host:port`; the first one if there are several brokers.
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap and after its shutdown
   */
  get bootstrap(): string {
    return hostAndPort(this.address);
  }

  /** Returns the memory and connections that clients hold, and counts of refusals. */
  status(): KafkaStatus {
    const { server, gate, options } = this;
    return {
      connections: server?.connectionCount ?? 0,
      requestBytes: server?.memory.requestBytes ?? 0,
      answerBytes: server?.memory.answerBytes ?? 0,
      refusedConnections: { ...(server?.refused ?? { limit: 0, tls: 0 }) },
      failedLogins: gate?.failures ?? 0,
      certificateExpiresAt: expiryOf(options.tls?.cert),
    };
  }

  /**
   * @throws `LISTEN_FAILED`, `INVALID_CONFIG` if certificate and key cannot be used, or the error of the state's store
   */
  async onApplicationBootstrap(): Promise<void> {
    const adapters = this.moduleRef.get<TopicsAdapters>(TOPICS_ADAPTERS, { strict: false });
    const topicsOptions = this.moduleRef.get<TopicsOptions>(TOPICS_OPTIONS, { strict: false });
    await this.state.open(adapters.default);
    await this.producers.forgetAllBut(new Set(this.topics.listTopics().map(({ id }) => id)));
    const broker: BrokerContext = {
      clusterId: await this.state.clusterId(),
      options: {
        ...this.options,
        autoCreateTopics: this.options.autoCreateTopics && topicsOptions.autoCreateTopics !== false,
      },
      cluster: new VirtualCluster(this.options, () => this.addresses.map(({ port }) => port)),
      maxMessageBytes: Math.max(
        topicsOptions.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
        topicsOptions.maxBatchBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      ),
      defaultAdapter: adapters.default.name,
      topics: this.topics,
      directory: new TopicDirectory(this.topics),
      producers: this.producers,
      producerIds: new ProducerIds(this.state),
      coordinator: this.topics.coordinator,
    };
    const server = new KafkaServer(this.options, await this.dispatcher(broker), (error, { session }) =>
      this.report(error, session.remoteAddress),
    );
    try {
      await server.listen();
    } catch (error) {
      await this.state.close();
      throw error;
    }
    this.server = server;
    this.topics.events.on('topic-deleted', this.onTopicDeleted);
    this.logger.log(`listens on ${this.addresses.map(hostAndPort).join(', ')}`);
    if (
      this.options.users !== undefined &&
      this.options.tls === undefined &&
      !isLoopback(this.address.host)
    ) {
      this.logger.warn('without TLS, PLAIN passwords and all messages are sent in the clear; set kafka.tls');
    }
  }

  /**
   * Replaces the TLS certificate, the users, or both while the listener runs. If any part is invalid, nothing changes.
   *
   * Open connections keep their TLS session. Their user's new rights apply from the next request; a removed user's
   * connection ends with its next request; a new password is asked for at the next login. A reload cannot turn TLS or
   * users on or off, and cannot change `clientAuth`.
   * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake; nothing has changed
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap and after its shutdown
   */
  async reload({ tls = this.options.tls, users = this.options.users }: KafkaReload): Promise<void> {
    // No await in here: two concurrent reloads must not undo each other's changes.
    const { server, gate } = this;
    if (server === undefined) throw new NotListeningError();
    const options = resolveKafkaOptions({ ...this.options, tls, users });
    const problems = restartProblems(this.options, options);
    if (problems.length > 0) throw new InvalidConfigError(problems);
    if (tls !== undefined) server.setTls(tls);
    if (gate !== undefined && users !== undefined) gate.users = gate.users.replacedBy(usersOf(users));
    this.options = options;
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    this.topics.events.off('topic-deleted', this.onTopicDeleted);
    this.topics.coordinator.disconnectRemote();
    await server.close();
    await this.producers.saveAll().catch((error: unknown) => this.report(error, 'shutdown'));
    await this.state.close();
  }

  private async dispatcher(broker: BrokerContext): Promise<Dispatcher> {
    const { users, brokers } = this.options;
    const routes = routesOf(broker);
    const desk = new Desk(broker.directory, broker.cluster, broker.options.autoCreateTopics);
    if (users === undefined) return new Dispatcher(brokers === 1 ? routes : guarded(routes, desk));
    const gate = new SaslGate(new Users(usersOf(users), await this.state.secret()));
    this.gate = gate;
    return new Dispatcher(guarded([...routes, ...gate.routes()], desk), gate);
  }

  /** A malformed request is the client's fault and logged at debug level; everything else is an error of ours. */
  private report(error: unknown, from: string): void {
    const message = `${from}: ${isError(error) ? error.message : String(error)}`;
    if (isGenRocksError(error, 'MALFORMED_REQUEST')) this.logger.debug(message);
    else this.logger.error(message, isError(error) ? error.stack : undefined);
  }
}

function hostAndPort({ host, port }: KafkaAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}
