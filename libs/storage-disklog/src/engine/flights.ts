import type { GenRocksError, StoreEvent } from '@genrocks/storage';
import type { CurrentFile } from './current-file.js';
import type { Group, Place } from './group.js';
import type { PlacedKeys } from './placed-keys.js';
import type { Syncs } from './syncs.js';
import { isNoSpace, type WriteFailure } from './write-failure.js';

/** A group of fewer entries and bytes does not go beside another one: it gathers. */
const WORTH_ENTRIES = 4;
const WORTH_BYTES = 32 << 10;
/** How many groups may be on their way at once. */
const MOST = 2;

/** A group whose bytes are on their way. */
interface Flight {
  readonly group: Group;
  readonly place: Place;
  readonly end: number;
  /** Writes on their way once it has gone. */
  readonly crowd: number;
  /** Its bytes are written, or could not be. */
  written?: Promise<void> | undefined;
  /** It is settled, and so is all before it. */
  landed?: Promise<void>;
  /** Its bytes were cut together with those of a group before it. */
  refusal?: GenRocksError;
}

export interface FlightOptions {
  /** Under `always` what is committed is stored, whatever the syncs beside the writes say. */
  readonly sync: 'always' | 'interval' | 'os';
  readonly onEvent: (event: StoreEvent) => void;
  /** A group has landed: the next may go. */
  readonly onLanded: () => void;
  /** Groups were cut back: what waits will not stand where it was planned. */
  readonly onCutBack: () => void;
}

/**
 * The groups on their way to the device, two at most. They are settled and shown in order, whichever is stored first;
 * if one fails, so does the one after it.
 */
export class Flights {
  /** Oldest first. */
  private readonly flights: Flight[] = [];
  /** A group that failed is being cut back. Nothing may go meanwhile. */
  private cutting = false;
  /** How many writes were on their way when the last group had gone, and how long that took. */
  private last = { crowd: 0, ms: 0 };

  constructor(
    private readonly host: { readonly current: CurrentFile },
    /** Sequence of the next item to be committed. */
    private sequence: number,
    private readonly syncs: Syncs,
    private readonly failure: WriteFailure,
    private readonly options: FlightOptions,
  ) {}

  /** Nothing is on its way, and nothing of it is left to be done. */
  get isIdle(): boolean {
    return this.flights.length === 0 && !this.cutting;
  }

  get lastSequence(): number {
    return this.sequence - 1;
  }

  /** The group that went last, if it is still on its way. */
  get newest(): Group | undefined {
    return this.flights.at(-1)?.group;
  }

  /** Where the current file ends when all have landed. */
  get end(): number {
    return this.flights.at(-1)?.end ?? this.host.current.file.end;
  }

  /** Sequence of the first item after all that are on their way. */
  get nextSequence(): number {
    const last = this.flights.at(-1);
    return last === undefined ? this.sequence : last.place.sequence + last.group.items;
  }

  /** A second group goes while one is on its way if it carries about as much: small ones had better gather. */
  mayTake({ length, entries }: Group): boolean {
    if (this.isIdle) return true;
    const { flights } = this;
    if (this.cutting || flights.length === MOST) return false;
    if (entries < WORTH_ENTRIES && length < WORTH_BYTES) return false;
    return 2 * length >= flights[0]!.group.length && this.host.current.canOverlap;
  }

  /**
   * Where the writers take a good part of the device's time to make their next writes, waiting for all of them leaves
   * the device idle, and then them. Half of them go off as soon as they are there, and from then on the two halves are
   * on their way side by side: one is encoded while the other is stored.
   */
  isWorthSplitting(group: Group): boolean {
    const { crowd, ms } = this.last;
    if (group.items !== crowd >> 1 || !this.isIdle) return false;
    return 4 * group.gatherMs > ms && this.host.current.canOverlap;
  }

  send(group: Group): void {
    const { end: start, nextSequence: sequence } = this;
    const { file } = this.host.current;
    const before = this.flights.at(-1);
    const synced = this.options.sync === 'always' ? file.end : this.syncs.synced;
    const flight: Flight = {
      group,
      place: { start, generation: file.generation, sequence, synced },
      end: start + group.length,
      crowd: group.items + (before?.group.items ?? 0),
      written: undefined,
    };
    this.flights.push(flight);
    flight.landed = this.land(flight, before?.landed);
  }

  private async land(flight: Flight, before: Promise<void> | undefined): Promise<void> {
    const started = performance.now();
    const { group, place } = flight;
    try {
      const written = (flight.written = this.host.current.write(group.bytesFor(place), place.start));
      // The time the device takes is used to work out where the entries are; they show only once they are stored.
      const placed = group.placed();
      if (written !== undefined) await written;
      if (before !== undefined) await before;
      if (flight.refusal !== undefined) throw flight.refusal;
      this.failure.refuse();
      this.publish(flight, placed, performance.now() - started);
      group.settle();
    } catch (error) {
      if (before !== undefined) await before;
      group.settle(flight.refusal ?? this.failure.final ?? (await this.refusalOf(flight, error)));
    }
    if (this.flights[0] === flight) this.flights.shift();
    this.options.onLanded();
  }

  /** What a group brought is stored as its writers were promised: readers see it from here on. */
  private publish({ group, end, crowd }: Flight, placed: PlacedKeys, ms: number): void {
    const { file, keys } = this.host.current;
    keys.setAll(placed);
    placed.release();
    file.end = end;
    file.items += group.items;
    file.entries += group.entries;
    this.sequence += group.items;
    this.syncs.wrote();
    this.last = { crowd, ms };
    this.options.onEvent({ type: 'write', items: group.entries, bytes: group.length, ms });
  }

  /** A group could not be written. On a full device it is cut back, together with the one after it. */
  private async refusalOf(flight: Flight, error: unknown): Promise<GenRocksError> {
    if (!isNoSpace(error)) return this.failure.end(error);
    this.cutting = true;
    const behind = this.flights.slice(this.flights.indexOf(flight) + 1);
    await Promise.allSettled(behind.map(({ written }) => Promise.resolve(written)));
    let refusal: GenRocksError = this.failure.noSpace(error);
    try {
      await this.host.current.cutBack();
    } catch (cause) {
      refusal = this.failure.end(cause);
    }
    for (const lost of behind) lost.refusal = refusal;
    this.flights.length = 0;
    this.cutting = false;
    this.options.onCutBack();
    return refusal;
  }
}
