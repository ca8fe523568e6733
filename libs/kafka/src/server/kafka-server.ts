import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type Server as TlsServer,
  type TlsOptions,
  TLSSocket,
} from 'node:tls';
import { InvalidConfigError, isError } from '@genrocks/storage';
import { ListenFailedError, NotListeningError } from '../errors.js';
import type { KafkaTlsOptions, ResolvedKafkaOptions } from '../options.js';
import { Connection, type ConnectionEnvironment } from './connection.js';
import type { Dispatcher } from './dispatcher.js';
import { MemoryBudget } from './memory-budget.js';
import { BufferPool } from './buffer-pool.js';
import { WakingClock } from './waking-clock.js';

/** Connections that may wait to be accepted. */
const BACKLOG = 4096;
const SWEEP_MS = 1_000;
/** The part of the memory for answers that is kept when nobody uses it, until the next sweep. */
const IDLE_SHARE = 8;
/** Whoever has not shown a password yet has no reason to send more. */
const UNAUTHENTICATED_BYTES = 16 * 1024;
/** Memory kept for the next large requests: all of what may be under way, up to this. */
const KEPT_BYTES = 32 * 1024 * 1024;

/** Accepts connections at the listener of every broker, and watches over what they take together. */
export class KafkaServer {
  private readonly connections = new Set<Connection>();
  private readonly environment: ConnectionEnvironment;
  private readonly sweepMs: number;
  /** Connections that were closed before their first request, since the start. */
  readonly refused = { limit: 0, tls: 0 };
  private servers: readonly Server[] = [];
  private sweeper: NodeJS.Timeout | undefined;
  private nextId = 1;
  private onEmpty = () => {};

  constructor(
    private readonly options: ResolvedKafkaOptions,
    dispatcher: Dispatcher,
    onError: (error: unknown, connection: Connection) => void,
  ) {
    const shortest = Math.min(options.idleTimeoutMs, options.transferTimeoutMs);
    this.sweepMs = Math.max(5, Math.min(SWEEP_MS, shortest / 2));
    this.environment = {
      limits: options,
      clock: new WakingClock(2 * this.sweepMs),
      dispatcher,
      requestLimit: (session) =>
        dispatcher.isAuthenticated(session) ? options.maxRequestBytes : UNAUTHENTICATED_BYTES,
      requests: new MemoryBudget(options.maxInflightBytes),
      buffers: new BufferPool(Math.min(KEPT_BYTES, options.maxInflightBytes)),
      answers: {
        bytes: 0,
        limit: options.maxInflightBytes,
        pool: new BufferPool(options.maxInflightBytes / IDLE_SHARE),
      },
      onClose: (connection) => {
        this.connections.delete(connection);
        if (this.connections.size === 0) this.onEmpty();
      },
      onError: (connection, error) => onError(error, connection),
    };
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Bytes of requests under way, and of answers that are being made or that clients have not read yet. */
  get memory(): { readonly requestBytes: number; readonly answerBytes: number } {
    return { requestBytes: this.environment.requests.used, answerBytes: this.environment.answers.bytes };
  }

  /**
   * Where each broker listens, in the order of their ids.
   * @throws {NotListeningError} `NOT_LISTENING`
   */
  get addresses(): AddressInfo[] {
    if (this.servers.length === 0) throw new NotListeningError();
    return this.servers.map((server) => server.address() as AddressInfo);
  }

  /** @throws `LISTEN_FAILED`, or `INVALID_CONFIG` where certificate and key cannot be used */
  async listen(): Promise<void> {
    const { port, brokers, tls } = this.options;
    if (tls !== undefined) checkTls(tls);
    const servers: Server[] = [];
    try {
      for (let at = 0; at < brokers; at++) {
        servers.push(await this.listenAt(port === 0 ? 0 : port + at, at + 1));
      }
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    this.servers = servers;
    this.environment.clock.tick();
    this.sweeper = setInterval(() => this.sweep(), this.sweepMs).unref();
  }

  /**
   * Connections from now on are made with this certificate, key and authority; those that are open stay as they are.
   * @throws {InvalidConfigError} `INVALID_CONFIG` where they cannot be used; nothing has changed then
   */
  setTls(tls: KafkaTlsOptions): void {
    checkTls(tls);
    for (const server of this.servers) (server as TlsServer).setSecureContext(tlsOptions(tls));
  }

  /** No new connections; requests under way are answered, for as long as the options allow. */
  async close(): Promise<void> {
    const { servers } = this;
    if (servers.length === 0) return;
    this.servers = [];
    clearInterval(this.sweeper);
    for (const server of servers) server.close();
    const empty = new Promise<void>((resolve) => (this.onEmpty = resolve));
    for (const connection of [...this.connections]) connection.drain();
    if (this.connections.size === 0) return;
    const timer = setTimeout(() => {
      for (const connection of [...this.connections]) connection.destroy();
    }, this.options.shutdownTimeoutMs);
    await empty;
    clearTimeout(timer);
  }

  private async listenAt(port: number, nodeId: number): Promise<Server> {
    const { host, transferTimeoutMs, tls, maxConnections } = this.options;
    const accept = (socket: Socket) => this.accept(socket, nodeId);
    const server =
      tls === undefined
        ? createServer({ noDelay: true, pauseOnConnect: true }, accept)
        : createTlsServer({ ...tlsOptions(tls), handshakeTimeout: transferTimeoutMs }, accept);
    server.maxConnections = maxConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new ListenFailedError(host, port, error)));
      server.listen({ host, port, backlog: BACKLOG }, resolve);
    });
    server.removeAllListeners('error');
    // Errors of single accepts, such as running out of file descriptors: those that are connected go on.
    server.on('error', () => {});
    server.on('drop', () => this.refused.limit++);
    // Who only looks whether the port is open goes away without having been refused.
    server.on('tlsClientError', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'ECONNRESET') this.refused.tls++;
    });
    return server;
  }

  private accept(socket: Socket, nodeId: number): void {
    const { remoteAddress, localAddress, localPort } = socket;
    if (this.servers.length === 0 || remoteAddress === undefined || localAddress === undefined) {
      return void socket.destroy();
    }
    const isFull = this.connections.size >= this.options.maxConnections;
    if (isFull || hasWrongCertificate(socket)) {
      this.refused[isFull ? 'limit' : 'tls']++;
      return void socket.destroy();
    }
    const session = {
      connectionId: this.nextId++,
      nodeId,
      remoteAddress: plainAddress(remoteAddress),
      localAddress: plainAddress(localAddress),
      localPort: localPort!,
    };
    this.connections.add(new Connection(socket, session, this.environment));
  }

  private sweep(): void {
    this.environment.clock.tick();
    // Timers are served before sockets are; what has come is read first.
    setImmediate(() => {
      for (const connection of this.connections) connection.checkDeadline();
    });
    this.environment.answers.pool.sweep();
    this.environment.buffers.sweep();
  }
}

/** Whoever has to show a certificate is turned away without one that `ca` has signed. */
function tlsOptions({ clientAuth = 'none', ...certificate }: KafkaTlsOptions): TlsOptions {
  return {
    ...certificate,
    minVersion: 'TLSv1.2',
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'required',
  };
}

/** Server after server would take it, or none. */
function checkTls(tls: KafkaTlsOptions): void {
  try {
    createSecureContext(tlsOptions(tls));
  } catch (error) {
    const reason = isError(error) ? error.message : String(error);
    throw new InvalidConfigError([`kafka.tls: certificate, key and authority cannot be used: ${reason}`]);
  }
}

/** A certificate that nobody has to show is checked all the same. */
function hasWrongCertificate(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.getPeerX509Certificate() !== undefined && !socket.authorized;
}

/** IPv4 as clients write it, where the socket speaks IPv6. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
