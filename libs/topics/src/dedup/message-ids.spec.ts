import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { settled } from '../__fixtures__/waiting.js';
import { systemClock } from '../clock.js';
import { type KnownId, MessageIds } from './message-ids.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the ids of a topic', () => {
  it('keep nothing of messages that others of the same id have replaced', async () => {
    const ids = new MessageIds('orders', { windowMs: 60_000, maxIds: 10 }, systemClock);
    const known = (id: string, offset: number): KnownId => {
      const now = systemClock.now();
      return { id, partition: 0, offset, timestamp: now, publishedAt: now };
    };
    // Kafka clients may store an id as often as they like. The first id here stays valid for the whole
    // window.
    ids.remember(known('first', 0));
    const replaced: WeakRef<KnownId>[] = [];
    for (let offset = 1; offset <= 10_000; offset++) {
      const one = known('again', offset);
      replaced.push(new WeakRef(one));
      ids.remember(one);
    }
    expect(ids.info.ids).toBe(2);
    await settled();
    collectGarbage();
    expect(replaced.filter((one) => one.deref() !== undefined).length).toBeLessThan(2_000);
  });
});
