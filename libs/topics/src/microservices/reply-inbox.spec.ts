import { StorageIoError } from '@genrocks/storage';
import { expect, it, vi } from 'vitest';
import { useServices } from '../__fixtures__/service.js';
import { Collector } from '../__fixtures__/waiting.js';
import { ReplyInbox } from './reply-inbox.js';
import { RpcHeader } from './transport.js';

const start = useServices();

it('a failed read of replies is retried, and pending requests survive it', async () => {
  const { service, adapter } = await start({ tailCacheBytes: 0 });
  const inbox = ReplyInbox.of(service, 'replies');
  await inbox.open(undefined);
  const replies = new Collector<unknown>();
  const partition = inbox.expect('7', ({ value }) => replies.push(value));
  const scan = vi.spyOn(adapter.opened.get(`replies:${partition}`)!, 'scanPages');
  scan.mockImplementationOnce(() => {
    throw new StorageIoError('not now');
  });
  const headers = { [RpcHeader.correlationId]: '7' };
  await service.publish('replies', { value: 1, partition, headers });
  await service.publish('replies', { value: 2, partition, headers });
  expect(await replies.atLeast(2)).toEqual([1, 2]);
  inbox.close();
});

it('removes replies that were read, even while endless answers go on', async () => {
  const { service } = await start();
  const inbox = ReplyInbox.of(service, 'replies');
  await inbox.open(undefined);
  const replies = new Collector<unknown>();
  // A request that waited before replies gathered still waits.
  let count = 0;
  for (const id of ['1', '2', '3', '4']) {
    const partition = inbox.expect(id, ({ value }) => replies.push(value));
    const value = `answer to ${id}`;
    const headers = { [RpcHeader.correlationId]: id };
    for (let i = 0; i < 6; i++) {
      await service.publishBatch(
        'replies',
        Array.from({ length: 500 }, () => ({ value, partition, headers })),
      );
      count += 500;
      await replies.atLeast(count);
    }
  }
  const kept = () => {
    const { partitions } = service.topic('replies');
    return partitions.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
  };
  await expect.poll(kept).toBeLessThanOrEqual(2_000);
  inbox.close();
});
