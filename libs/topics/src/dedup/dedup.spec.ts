import { NoSpaceError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import { DedupWorld, useDedup } from '../__fixtures__/dedup.js';
import { holdWrite } from '../__fixtures__/service.js';
import { coded, settled } from '../__fixtures__/waiting.js';
import { BatchWriter, recordBytes } from '../records/batch-writer.js';
import { MESSAGE_ID_HEADER } from './message-id.js';

const world = useDedup();

describe('a repeated id', () => {
  it('is answered with the place of the first, and stores nothing', async () => {
    const first = await world.topic.publish({ id: 'a', key: 'k', value: 1 });
    expect(first).not.toHaveProperty('duplicate');
    await world.clock.advance(1_000);
    expect(await world.topic.publish({ id: 'a', key: 'k', value: 'other' })).toEqual({
      ...first,
      duplicate: true,
    });
    expect(await world.values()).toEqual([1]);
    const { messages } = await world.topic.partition(0).readMessages({ offset: 0 });
    expect(messages[0]).toMatchObject({ id: 'a', headers: {} });
  });

  it('is known whatever partition its message would go to', async () => {
    await world.running.service.startTopic('spread', { partitions: 4, dedup: {}, routing: 'round_robin' });
    const spread = world.running.service.topic('spread');
    const first = await spread.publish({ id: 'a', value: 1 });
    for (let i = 0; i < 8; i++) {
      expect(await spread.publish({ id: 'a', value: 1 })).toEqual({ ...first, duplicate: true });
    }
  });

  it('is a new message once the window is over', async () => {
    await world.topic.publish({ id: 'a', value: 1 });
    await world.clock.advance(DedupWorld.WINDOW - 1);
    expect(await world.topic.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 0, duplicate: true });
    await world.clock.advance(1);
    expect(await world.topic.publish({ id: 'a', value: 3 })).toEqual(expect.objectContaining({ offset: 1 }));
    expect(await world.topic.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 1, duplicate: true });
    expect(await world.values()).toEqual([1, 3]);
  });

  it('waits for a first that is being stored', async () => {
    const hold = holdWrite(world.running);
    const first = world.topic.publish({ id: 'a', value: 1 });
    await hold.reached;
    const second = world.topic.publish({ id: 'a', value: 2 });
    expect(await Promise.race([second, settled()])).toBeUndefined();
    hold.release();
    expect(await second).toEqual({ ...(await first), duplicate: true });
    expect(await world.values()).toEqual([1]);
  });

  it('fails with a first that fails, and is free again then: what is acknowledged is stored', async () => {
    const hold = holdWrite(world.running);
    const both = [world.topic.publish({ id: 'a', value: 1 }), world.topic.publish({ id: 'a', value: 2 })];
    await hold.reached;
    hold.fail(new NoSpaceError('the disk'));
    for (const publish of both) await expect(publish).rejects.toThrowError(coded('NO_SPACE'));
    expect(await world.topic.publish({ id: 'a', value: 3 })).not.toHaveProperty('duplicate');
    expect(await world.values()).toEqual([3]);
  });

  it('is free again where its first was refused', async () => {
    await world.start({}, { maxPendingBytes: 64 * 1024 });
    const hold = holdWrite(world.running);
    const large = { value: Buffer.alloc(15_000) };
    const held = [world.topic.publish(large)];
    await hold.reached;
    for (let refused = false; !refused;) {
      const attempt = world.topic.publish(large);
      refused = (await Promise.race([attempt.catch(() => 'refused'), settled()])) === 'refused';
      if (!refused) held.push(attempt);
    }
    await expect(world.topic.publish({ ...large, id: 'a' })).rejects.toThrowError(coded('BACKPRESSURE'));
    await expect(world.topic.publishBatch([{ ...large, id: 'a' }])).rejects.toThrowError(
      coded('BACKPRESSURE'),
    );
    hold.release();
    await Promise.all(held);
    expect(await world.topic.publish({ id: 'a', value: 1 })).not.toHaveProperty('duplicate');
  });

  it('within one publishBatch, and of messages before, is left out of it', async () => {
    await world.topic.publish({ id: 'a', value: 'a' });
    const results = await world.topic.publishBatch([
      { id: 'b', value: 'b' },
      { id: 'a', value: 'again' },
      { value: 'no id' },
      { id: 'b', value: 'again' },
      { id: 'c', value: 'c' },
    ]);
    expect(results.map(({ offset, duplicate = false }) => [offset, duplicate])).toEqual([
      [1, false],
      [0, true],
      [2, false],
      [1, true],
      [3, false],
    ]);
    const again = await world.topic.publishBatch(['a', 'b', 'c'].map((id) => ({ id, value: 'again' })));
    expect(again.map(({ offset, duplicate }) => [offset, duplicate])).toEqual([
      [0, true],
      [1, true],
      [3, true],
    ]);
    expect(await world.values()).toEqual(['a', 'b', 'no id', 'c']);
  });

  it('stays free where its batch was not valid', async () => {
    await expect(world.topic.publishBatch([{ id: 'a', value: 1 }, { value: 1n }])).rejects.toThrowError(
      coded('CODEC_FAILED'),
    );
    expect(await world.topic.publish({ id: 'a', value: 1 })).not.toHaveProperty('duplicate');
  });

  it('is known from a batch that came packed, which itself is stored as it is', async () => {
    await world.topic.publish({ id: 'a', value: 1 });
    const { batches } = await world.topic.partition(0).readBatches({ offset: 0 });
    await world.topic.partition(0).append(batches[0]!);
    expect(await world.topic.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 1, duplicate: true });
  });

  it('is not kept from a batch where it is longer than any id may be: it would only fill the memory', async () => {
    const writer = new BatchWriter(0);
    for (const id of ['x'.repeat(256), 'y'.repeat(257)]) {
      const headers = [{ name: Buffer.from(MESSAGE_ID_HEADER), value: Buffer.from(id) }];
      const record = { key: null, value: null, headers, timestamp: world.clock.now() };
      writer.append(record, recordBytes(record));
    }
    await world.topic.partition(0).append(writer.finish(0));
    expect((await world.topic.info()).ids).toMatchObject({ ids: 1 });
  });

  it('is new after truncate', async () => {
    await world.topic.publish({ id: 'a', value: 1 });
    await world.topic.truncate();
    expect(await world.topic.publish({ id: 'a', value: 2 })).toEqual(expect.objectContaining({ offset: 1 }));
    await world.crash();
    expect(await world.values()).toEqual([2]);
  });

  it('means nothing where the topic does not ask for it, but travels with the message', async () => {
    await world.running.service.startTopic('plain');
    await world.running.service.publish('plain', { id: 'a', value: 1 });
    expect(await world.running.service.publish('plain', { id: 'a', value: 2 })).toMatchObject({ offset: 1 });
    const read = await world.running.service.topic('plain').partition(0).readMessages({ offset: 0 });
    expect(read.messages.map(({ id }) => id)).toEqual(['a', 'a']);
  });

  it('must be text that can be kept', async () => {
    for (const id of ['', 5, null, 'x'.repeat(257), 'half \ud83d']) {
      await expect(world.topic.publish({ id: id as string, value: 1 })).rejects.toThrowError(
        coded('INVALID_MESSAGE'),
      );
    }
    await expect(
      world.topic.publish({ value: 1, headers: { 'genrocks-message-id': 'x' } }),
    ).rejects.toThrowError(coded('INVALID_MESSAGE'));
    expect(await world.topic.publish({ id: 'ü'.repeat(128), value: 1 })).toMatchObject({ offset: 0 });
  });
});
