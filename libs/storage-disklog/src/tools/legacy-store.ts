import type { Entry } from '../format/entry.js';
import { utf8OrUndefined } from '../format/term.js';
import { Window } from '../engine/window.js';
import type { Damage } from '../engine/log-file.js';
import { extentOf, stepsOf } from './file-steps.js';
import { type LegacyMessage, parseLegacyMessage } from './legacy-message.js';
import type { LogSnapshot } from './log-snapshot.js';
import type { SnapshotFile } from './snapshot-file.js';

/** Where the newest entry of a key stands. */
interface Place {
  readonly file: SnapshotFile;
  readonly at: number;
  readonly length: number;
  readonly index: number;
}

/** A consumer group's offset in a store: the next message it was to read. */
export interface LegacyOffset {
  /** Name of the group. */
  readonly group: string;
  /** The next message it was to read. */
  readonly offset: number;
}

const MESSAGE = /^msg:(0|[1-9]\d{0,15})$/;
const GROUP = 'consumer_offset:';
const COUNTER = 'offset_counter';
/** Entries close to each other are read in one go. */
const CHUNK = 256 << 10;

/**
 * The store of one partition as the Elixir GenRocks kept it: messages under `msg:N`, the next offset under
 * `offset_counter`, groups under `consumer_offset:<group>`, and anything else an application put there. The newest
 * entry of each key counts. Memory holds the keys and the positions of their entries, not the values.
 */
export class LegacyStore {
  /** Offsets of groups. */
  readonly groups: LegacyOffset[] = [];
  /** What could not be read. */
  readonly damage: Damage[] = [];
  /** Keys of groups or of the counter whose value is not an offset. */
  readonly unreadable: string[] = [];
  /** Bytes of all messages together, as they stand in the log. */
  messageBytes = 0;
  private readonly messages = new Map<number, Place>();
  private readonly others = new Map<string, Place>();
  private counter: number | undefined;

  private constructor() {}

  /** Reads the whole log once. The snapshot must stay open while the store is used. */
  static async read(snapshot: LogSnapshot): Promise<LegacyStore> {
    const store = new LegacyStore();
    for (const file of snapshot.files) await store.readFile(file);
    await store.readOffsets();
    for (const { length } of store.messages.values()) store.messageBytes += length;
    return store;
  }

  /** Number of messages. */
  get messageCount(): number {
    return this.messages.size;
  }

  /** Number of keys that are not GenRocks' own. */
  get otherKeys(): number {
    return this.others.size;
  }

  /** The offset that the next message would have had. */
  get nextOffset(): number {
    let next = this.counter ?? 0;
    for (const offset of this.messages.keys()) next = Math.max(next, offset + 1);
    return next;
  }

  /** Messages by offset. */
  async *readMessages(): AsyncGenerator<LegacyMessage> {
    const reader = new PlaceReader();
    const offsets = [...this.messages.keys()].sort((a, b) => a - b);
    for (const offset of offsets) {
      const entry = await reader.read(this.messages.get(offset)!);
      yield parseLegacyMessage(offset, entry);
    }
  }

  /** Everything else, by key; values that Erlang kept as terms are returned as JSON. */
  async *readOthers(): AsyncGenerator<{ key: Buffer; value: Buffer }> {
    const reader = new PlaceReader();
    for (const key of [...this.others.keys()].sort()) {
      const entry = await reader.read(this.others.get(key)!);
      yield { key: Buffer.from(entry.key), value: Buffer.from(entry.value!) };
    }
  }

  private async readFile(file: SnapshotFile): Promise<void> {
    const { end } = await extentOf(file);
    for await (const step of stepsOf(file, end)) {
      if (step.type === 'damage') {
        this.damage.push(step.damage);
        continue;
      }
      const { frame } = step;
      const length = frame.end - frame.start;
      step.item.entries.forEach((entry, index) => this.note(entry, { file, at: frame.start, length, index }));
    }
  }

  private note({ key, value }: Entry, place: Place): void {
    const text = utf8OrUndefined(key);
    const number = text === undefined ? undefined : MESSAGE.exec(text)?.[1];
    const offset = number === undefined ? undefined : Number(number);
    // The next offset must still be a safe integer.
    if (offset !== undefined && offset < Number.MAX_SAFE_INTEGER) {
      if (value === undefined) this.messages.delete(offset);
      else this.messages.set(offset, place);
      return;
    }
    const name = key.toString('latin1');
    if (value === undefined) this.others.delete(name);
    else this.others.set(name, place);
  }

  private async readOffsets(): Promise<void> {
    const reader = new PlaceReader();
    for (const [name, place] of [...this.others]) {
      if (name !== COUNTER && !name.startsWith(GROUP)) continue;
      this.others.delete(name);
      const text = (await reader.read(place)).value!.toString('utf8');
      const key = Buffer.from(name, 'latin1').toString('utf8');
      const offset = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(offset)) this.unreadable.push(key);
      else if (name === COUNTER) this.counter = offset;
      else this.groups.push({ group: key.slice(GROUP.length), offset });
    }
  }
}

/** Reads entries by position; neighbours cost one read. */
class PlaceReader {
  private window: Window | undefined;
  private file: SnapshotFile | undefined;

  async read({ file, at, index }: Place): Promise<Entry> {
    if (this.file !== file) {
      this.file = file;
      this.window = new Window(file.handle, file.size, CHUNK);
    }
    const found = await file.format.itemAt(this.window!, at);
    if ('reason' in found)
      throw new Error(`${file.path} changed while it was read (offset ${at}: ${found.reason})`);
    return found.item.entries[index]!;
  }
}
