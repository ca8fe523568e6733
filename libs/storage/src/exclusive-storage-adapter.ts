import { InvalidArgumentError, LockedError, StoreClosedError } from './errors.js';
import type { PartitionStore } from './partition-store.js';
import { type OpenStoreOptions, StorageAdapter, type StoreId } from './storage-adapter.js';
import { assertPartition, assertTopicName } from './topic-name.js';

/** Held while a store is being opened, is open, or is being destroyed. */
interface Slot {
  holder?: Promise<PartitionStore | void>;
}

/**
 * The part that all adapters share. It checks arguments before anything is touched, and lets each store have one holder
 * at a time (`LOCKED`). `close` waits for calls in progress, closes every open store, and refuses later calls
 * (`STORE_CLOSED`).
 *
 * In `openStore`, the subclass takes the lock against other processes, or the lease in a remote store.
 *
 * @publicApi
 */
export abstract class ExclusiveStorageAdapter extends StorageAdapter {
  private readonly slots = new Map<string, Slot>();
  private closing: Promise<void> | undefined;

  /**
   * Opens a store; creates it if it does not exist. Name, partition and settings have been checked, and no other call of
   * this adapter opens or destroys the store meanwhile.
   * @param onClose to be called when the store is closed, so that it can be opened again
   */
  protected abstract openStore(
    id: StoreId,
    options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<PartitionStore>;

  /** Lists every store that exists here. */
  protected abstract listStores(): Promise<StoreId[]>;

  /** Removes a store that is not open. Does nothing if the store does not exist. */
  protected abstract destroyStore(id: StoreId): Promise<void>;

  /** Releases what the adapter itself holds. Called once, when every store is closed. Default: does nothing. */
  protected async release(): Promise<void> {}

  async open(topic: string, partition: number, options: OpenStoreOptions = {}): Promise<PartitionStore> {
    const id = this.checkId(topic, partition);
    assertRetain(options.retain);
    this.validateSettings(options.settings ?? {});
    return this.hold(id, (free) => this.openStore(id, options, free));
  }

  async list(): Promise<StoreId[]> {
    this.assertOpen();
    return this.listStores();
  }

  async destroy(topic: string, partition: number): Promise<void> {
    const id = this.checkId(topic, partition);
    await this.hold(id, async (free) => {
      await this.destroyStore(id);
      free();
    });
  }

  /** @throws the error of the first store that failed to close, after the others are closed */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async hold<T extends PartitionStore | void>(
    { topic, partition }: StoreId,
    action: (free: () => void) => Promise<T>,
  ): Promise<T> {
    const name = `${topic}/${partition}`;
    if (this.slots.has(name)) throw new LockedError(`store ${name}`, process.pid);
    const slot: Slot = {};
    this.slots.set(name, slot);
    const free = () => {
      // A second close of a store must not free the slot of the store opened since.
      if (this.slots.get(name) === slot) this.slots.delete(name);
    };
    try {
      const holder = action(free);
      slot.holder = holder;
      return await holder;
    } catch (error) {
      free();
      throw error;
    }
  }

  private async closeAll(): Promise<void> {
    const holders = [...this.slots.values()].flatMap(({ holder }) => holder ?? []);
    const closings = (await Promise.allSettled(holders)).map(async (held) => {
      if (held.status === 'fulfilled') await held.value?.close();
    });
    const closed = await Promise.allSettled(closings);
    await this.release();
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
  }

  private checkId(topic: string, partition: number): StoreId {
    this.assertOpen();
    assertTopicName(topic);
    assertPartition(partition);
    return { topic, partition };
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new StoreClosedError(`the ${this.name} storage adapter`);
  }
}

/** A misspelt `all` must not open a store that drops what it should keep. */
function assertRetain(retain: unknown): void {
  if (retain === undefined || retain === 'policy' || retain === 'all') return;
  throw new InvalidArgumentError(`retain must be 'policy' or 'all', not ${JSON.stringify(retain)}`);
}
