import { randomBytes } from 'node:crypto';
import { jsonCodec, type PartitionStore, type StorageAdapter, StoreClosedError } from '@genrocks/storage';

/** User topics cannot have this name: the prefix `__` is reserved. */
const STATE_TOPIC = '__genrocks_kafka';
const CLUSTER_KEY = 'cluster';
const SECRET_KEY = 'secret';

/**
 * The state that the listener keeps across restarts: cluster id, login secret, producer ids, producers' last batches.
 */
export class KafkaState {
  private store: PartitionStore | undefined;

  async open(adapter: StorageAdapter): Promise<void> {
    this.store = await adapter.open(STATE_TOPIC, 0, { retain: 'all' });
  }

  async get<T>(key: string): Promise<T | undefined> {
    const value = await this.opened().get(key);
    return value === undefined ? undefined : (jsonCodec.decode(value) as T);
  }

  /** Resolves once the value is as durable as the adapter promises. */
  async put(key: string, value: unknown): Promise<void> {
    await this.opened().put(key, jsonCodec.encode(value));
  }

  /** Resolves once all values put so far are on stable storage, whatever `sync` says. */
  async sync(): Promise<void> {
    await this.opened().sync();
  }

  async delete(key: string): Promise<void> {
    await this.opened().delete(key);
  }

  /** The keys with this prefix. */
  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.opened().scan({ prefix })) keys.push(key.toString('utf8'));
    return keys;
  }

  /** Created on the first start. Clients tell clusters apart by it. */
  async clusterId(): Promise<string> {
    const known = await this.get<{ id: string }>(CLUSTER_KEY);
    if (known !== undefined) return known.id;
    const id = randomBytes(16).toString('base64url');
    await this.put(CLUSTER_KEY, { id });
    return id;
  }

  /** Created on the first start and never revealed. Values derived from it are the same after a restart. */
  async secret(): Promise<Buffer> {
    const known = await this.get<{ secret: string }>(SECRET_KEY);
    if (known !== undefined) return Buffer.from(known.secret, 'base64');
    const secret = randomBytes(32);
    await this.put(SECRET_KEY, { secret: secret.toString('base64') });
    return secret;
  }

  async close(): Promise<void> {
    const { store } = this;
    this.store = undefined;
    await store?.close();
  }

  private opened(): PartitionStore {
    if (this.store === undefined) throw new StoreClosedError('the state of the Kafka listener');
    return this.store;
  }
}
