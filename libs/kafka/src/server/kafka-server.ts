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

/** Length of the queue of connections that wait to be accepted. */
const BACKLOG = 4096;
const SWEEP_MS = 1_000;
/** The pool may keep one part in this many of the answer memory as idle buffers, until a sweep. */
const IDLE_SHARE = 8;
/** Largest request before authentication: none of the APIs allowed then needs more. */
const UNAUTHENTICATED_BYTES = 16 * 1024;
/** Most bytes of idle buffers kept for large requests; less if maxInflightBytes is less. */
const KEPT_BYTES = 32 * 1024 * 1024;

/** Accepts the connections of every broker's listener, and enforces the limits that they share. */
export class KafkaServer {
  private readonly connections = new Set<Connection>();
  private readonly environment: ConnectionEnvironment;
  private readonly sweepMs: number;
  /** Counts of connections closed on arrival, since the start. */
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

  /** Bytes of requests in flight, and of answers being built or not yet received by clients. */
  get memory(): { readonly requestBytes: number; readonly answerBytes: number } {
    return { requestBytes: this.environment.requests.used, answerBytes: this.environment.answers.bytes };
  }

  /**
   * The bound address of each broker, in the order of their ids.
   * @throws {NotListeningError} `NOT_LISTENING`
   */
  get addresses(): AddressInfo[] {
    if (this.servers.length === 0) throw new NotListeningError();
    return this.servers.map((server) => server.address() as AddressInfo);
  }

  /** @throws `LISTEN_FAILED`, or `INVALID_CONFIG` if certificate and key cannot be used */
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
   * Uses this certificate, key and authority for new connections; open ones keep theirs.
   * @throws {InvalidConfigError} `INVALID_CONFIG` if they cannot be used; nothing has changed
   */
  setTls(tls: KafkaTlsOptions): void {
    checkTls(tls);
    for (const server of this.servers) (server as TlsServer).setSecureContext(tlsOptions(tls));
  }

  /** Accepts no new connections, and waits for requests in flight for as long as the options allow. */
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
    // A failed accept (such as running out of file descriptors) must not affect open connections.
    server.on('error', () => {});
    server.on('drop', () => this.refused.limit++);
    // A port probe disconnects without a handshake (ECONNRESET), and is not a refusal.
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
    // Timers run before socket reads. Let bytes that have already arrived be read first.
    setImmediate(() => {
      for (const connection of this.connections) connection.checkDeadline();
    });
    this.environment.answers.pool.sweep();
    this.environment.buffers.sweep();
  }
}

/** With `required`, the handshake fails without a certificate that `ca` has signed. */
function tlsOptions({ clientAuth = 'none', ...certificate }: KafkaTlsOptions): TlsOptions {
  return {
    ...certificate,
    minVersion: 'TLSv1.2',
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'required',
  };
}

/** Checks the options up front, so that either all brokers' servers take them or none does. */
function checkTls(tls: KafkaTlsOptions): void {
  try {
    createSecureContext(tlsOptions(tls));
  } catch (error) {
    const reason = isError(error) ? error.message : String(error);
    throw new InvalidConfigError([`kafka.tls: certificate, key and authority cannot be used: ${reason}`]);
  }
}

/** With `requested`, the handshake accepts any certificate, so check it here. */
function hasWrongCertificate(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.getPeerX509Certificate() !== undefined && !socket.authorized;
}

/** Strips the IPv6 mapping from an IPv4 address. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
