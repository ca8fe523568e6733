import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from './fifo.js';

it('is a queue under any sequence of pushes and shifts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1_500, max: 2_000 }), { maxLength: 20 }), (steps) => {
      const fifo = new Fifo<number>();
      let first = 0;
      let next = 0;
      for (const step of steps) {
        for (let i = 0; i < step; i++) fifo.push(next++);
        for (let i = 0; i > step; i--) expect(fifo.shift()).toBe(first < next ? first++ : undefined);
        expect(fifo.length).toBe(next - first);
        expect([fifo.at(0), fifo.at(next - first - 1), fifo.at(next - first)]).toEqual(
          first < next ? [first, next - 1, undefined] : [undefined, undefined, undefined],
        );
      }
    }),
    { numRuns: 50 },
  );
});
