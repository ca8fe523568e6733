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

/** Where the listener can be reached. */
export interface KafkaAddress {
  /** Address that is listened on, as the system tells it. */
  readonly host: string;
  /** Port that is listened on; the one that was taken where 0 was asked for. */
  readonly port: number;
}

/** What a listener tells of its clients. Counts begin with the application's bootstrap. */
export interface KafkaStatus {
  /** Connections that are open. */
  readonly connections: number;
  /** Bytes of requests under way. */
  readonly requestBytes: number;
  /** Bytes of answers that are being made, or that clients have not read yet. */
  readonly answerBytes: number;
  /** Connections that were closed as they came: too many at once, or no TLS as it is asked for. */
  readonly refusedConnections: { readonly limit: number; readonly tls: number };
  /** Logins with a name or password that is not known. */
  readonly failedLogins: number;
  /** When the certificate runs out that new connections are shown; undefined without TLS. */
  readonly certificateExpiresAt: Date | undefined;
}

/**
 * The Kafka listener of the application: listens from the bootstrap on, and answers what is under way before topics
 * close.
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

  /** @throws `INVALID_CONFIG` */
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(MODULE_OPTIONS_TOKEN) options: KafkaOptions,
  ) {
    this.options = resolveKafkaOptions(options);
  }

  /**
   * The address that was bound.
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap
   */
  get address(): KafkaAddress {
    return this.addresses[0]!;
  }

  /**
   * The addresses of all brokers, in the order of their ids.
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap
   */
  get addresses(): readonly KafkaAddress[] {
    if (this.server === undefined) throw new NotListeningError();
    return this.server.addresses.map(({ address: host, port }) => ({ host, port }));
  }

  /** The address as Kafka clients take it: `host:port`; the first one where there are several brokers. */
  get bootstrap(): string {
    return hostAndPort(this.address);
  }

  /** What clients take, and what was refused to them. */
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

  /** @throws `LISTEN_FAILED`, or what the store says */
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
      this.logger.warn('without TLS, passwords of PLAIN and all messages travel in the clear; set kafka.tls');
    }
  }

  /**
   * Exchanges certificate and users while the listener runs: all of what is given, or nothing where any of it cannot
   * work. Connections that are open stay so: they keep their TLS, and their user has the new rights from the next
   * request on. The connection of a user who is gone ends with its next request; a new password is asked for at the next
   * login. TLS, users and `clientAuth` cannot be turned on or off so.
   * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake; everything is as it was
   * @throws {NotListeningError} `NOT_LISTENING` before the application's bootstrap and after its end
   */
  async reload({ tls = this.options.tls, users = this.options.users }: KafkaReload): Promise<void> {
    // All in one turn: of two reloads neither may undo what the other has changed meanwhile.
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

  /** What a client sends wrong is its own affair; what fails here is ours. */
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
