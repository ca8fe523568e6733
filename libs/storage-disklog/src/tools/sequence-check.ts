import type { Trailer } from '../format/item.js';
import type { Losses } from './repair-record.js';
import type { Finding } from './verify.js';

/**
 * Checks whether the items of a log are consecutive. In a wrap log every item has the number after its predecessor's,
 * so a missing item shows even if no byte is damaged. Compaction leaves out numbers, so in other logs they only have
 * to increase.
 */
export class SequenceCheck {
  private last: number | undefined;
  private file = '';
  private generation: number | undefined;
  private gapExpected = false;

  constructor(
    private readonly mustFollow: boolean,
    private readonly losses: Losses,
  ) {}

  enter(file: string, generation: number | undefined): void {
    this.file = file;
    this.generation = generation;
  }

  /** Damage was found and reported, which explains why the numbers it held are missing. */
  expectGap(): void {
    this.gapExpected = true;
  }

  /** What is wrong with an item's numbers; undefined if nothing is. */
  next(trailer: Trailer | undefined, offset: number): Finding | undefined {
    // Erlang's items have no numbers.
    if (trailer === undefined) return undefined;
    const { sequence, generation } = trailer;
    const before = this.last;
    const { gapExpected } = this;
    this.last = sequence;
    this.gapExpected = false;
    this.generation ??= generation;
    if (generation !== this.generation) {
      return this.finding(
        offset,
        `an item of generation ${generation} in a file of generation ${this.generation}`,
      );
    }
    if (before === undefined || sequence === before + 1) return undefined;
    const around = { sequenceBefore: before, sequenceAfter: sequence };
    if (sequence <= before) {
      return { ...this.finding(offset, `sequence ${sequence} follows ${before}`), ...around };
    }
    if (!this.mustFollow || gapExpected) return undefined;
    const reason = `${sequence - before - 1} item(s) missing before this one`;
    if (!this.losses.covers(before, sequence)) return { ...this.finding(offset, reason), ...around };
    return { ...this.finding(offset, `${reason}; recorded by a repair`), ...around, severity: 'note' };
  }

  private finding(offset: number, reason: string): Finding {
    return { severity: 'damage', file: this.file, offset, reason };
  }
}
