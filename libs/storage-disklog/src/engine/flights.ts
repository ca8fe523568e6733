import type { GenRocksError, StoreEvent } from '@genrocks/storage';
import type { CurrentFile } from './current-file.js';
import type { Group, Place } from './group.js';
import type { PlacedKeys } from './placed-keys.js';
import type { Syncs } from './syncs.js';
import { isNoSpace, type WriteFailure } from './write-failure.js';

/** A group with fewer entries and bytes than these does not go while another is in flight; it gathers more. */
const WORTH_ENTRIES = 4;
const WORTH_BYTES = 32 << 10;
/** Most groups in flight at once. */
const MOST = 2;

/** A group in flight: its bytes are on their way to the device. */
interface Flight {
  readonly group: Group;
  readonly place: Place;
  readonly end: number;
  /** Items in flight once this group has been sent. */
  readonly crowd: number;
  /** Settles when its bytes are written, or cannot be. */
  written?: Promise<void> | undefined;
  /** Resolves when this group and all before it have settled. */
  landed?: Promise<void>;
  /** Set when its bytes were cut together with those of a failed group before it. */
  refusal?: GenRocksError;
}

export interface FlightOptions {
  /** Under `always` everything committed is durable, whatever the separate syncs say. */
  readonly sync: 'always' | 'interval' | 'os';
  readonly onEvent: (event: StoreEvent) => void;
  /** A group has landed: the next may go. */
  readonly onLanded: () => void;
  /** Groups were cut back: queued groups will not stand where they were planned. */
  readonly onCutBack: () => void;
}

/**
 * The groups in flight, two at most. They are settled and shown to readers in order, whichever is stored first. If
 * one fails, so does the one after it.
 */
export class Flights {
  /** Oldest first. */
  private readonly flights: Flight[] = [];
  /** A failed group is being cut back; nothing may be sent meanwhile. */
  private cutting = false;
  /** The crowd of the group that landed last, and how long it took. */
  private last = { crowd: 0, ms: 0 };

  constructor(
    private readonly host: { readonly current: CurrentFile },
    /** Sequence of the next item to be committed. */
    private sequence: number,
    private readonly syncs: Syncs,
    private readonly failure: WriteFailure,
    private readonly options: FlightOptions,
  ) {}

  /** Nothing is in flight or being cut back. */
  get isIdle(): boolean {
    return this.flights.length === 0 && !this.cutting;
  }

  get lastSequence(): number {
    return this.sequence - 1;
  }

  /** The group sent last, if it is still in flight. */
  get newest(): Group | undefined {
    return this.flights.at(-1)?.group;
  }

  /** Where the current file ends when all groups have landed. */
  get end(): number {
    return this.flights.at(-1)?.end ?? this.host.current.file.end;
  }

  /** Sequence of the first item after all groups in flight. */
  get nextSequence(): number {
    const last = this.flights.at(-1);
    return last === undefined ? this.sequence : last.place.sequence + last.group.items;
  }

  /**
   * Whether a group may be sent now. A second one goes beside the first only if it is worth it, at half the size or
   * more: small groups had better gather.
   */
  mayTake({ length, entries }: Group): boolean {
    if (this.isIdle) return true;
    const { flights } = this;
    if (this.cutting || flights.length === MOST) return false;
    if (entries < WORTH_ENTRIES && length < WORTH_BYTES) return false;
    return 2 * length >= flights[0]!.group.length && this.host.current.canOverlap;
  }

  /**
   * Whether to send a group as soon as half the writers have joined it. If writers need a good part of a device
   * write's time to make their next writes, waiting for all of them leaves first the device idle, then the writers.
   * With two half groups in flight, one is encoded while the other is stored.
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
      // Locate the entries while the device works; they are shown only once they are stored.
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

  /** Shows a group to readers: it is now as durable as its writers were promised. */
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

  /** Handles a group that could not be written. On a full device it is cut back, together with the one after it. */
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
