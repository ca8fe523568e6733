import { InvalidArgumentError, LockedError, StoreClosedError } from './errors.js';
import type { PartitionStore } from './partition-store.js';
import { type OpenStoreOptions, StorageAdapter, type StoreId } from './storage-adapter.js';
import { assertPartition, assertTopicName } from './topic-name.js';

/** Taken while a store is being opened, is open, or is being destroyed. */
interface Slot {
  holder?: Promise<PartitionStore | void>;
}

/**
 * The part of an adapter that is the same whatever it stores in: arguments are checked before anything is touched, each
 * store has one holder at a time (`LOCKED`), and `close` waits for what is under way, closes every open store, and
 * refuses what comes after (`STORE_CLOSED`).
 *
 * A lock against other processes, or a lease in a remote store, is for the subclass to take in `openStore`.
 *
 * @publicApi
 */
export abstract class ExclusiveStorageAdapter extends StorageAdapter {
  private readonly slots = new Map<string, Slot>();
  private closing: Promise<void> | undefined;

  /**
   * Opens a store, creating it where it does not exist. Name, partition and settings were checked, and nobody else
   * opens or destroys the store meanwhile.
   * @param onClose to be called when the store is closed, so that it can be opened again
   */
  protected abstract openStore(
    id: StoreId,
    options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<PartitionStore>;

  /** Every store that exists here. */
  protected abstract listStores(): Promise<StoreId[]>;

  /** Removes a store that is not open; nothing happens where there is none. */
  protected abstract destroyStore(id: StoreId): Promise<void>;

  /** Called once, when every store is closed: gives back what the adapter itself holds. Default: nothing. */
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

  /** @throws what the first store that failed to close failed with, after the others are closed */
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
      // A store that is closed once more must not free the slot of the one that was opened after it.
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

/** A misspelt `all` must not become a store that drops what it was to keep. */
function assertRetain(retain: unknown): void {
  if (retain === undefined || retain === 'policy' || retain === 'all') return;
  throw new InvalidArgumentError(`retain must be 'policy' or 'all', not ${JSON.stringify(retain)}`);
}
