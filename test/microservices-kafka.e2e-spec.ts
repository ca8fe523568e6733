import { Controller } from '@nestjs/common';
import { ClientKafka, Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { KafkaListener, KafkaModule } from '@genrocks/kafka';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { GenRocksContext, GenRocksServer, GenRocksTransportModule } from '@genrocks/topics/microservices';
import { logLevel } from 'kafkajs';
import { firstValueFrom, lastValueFrom, type Observable, of, toArray } from 'rxjs';
import { afterEach, expect, it } from 'vitest';

const events: unknown[] = [];

@Controller()
class Shop {
  @MessagePattern('price')
  price(@Payload() { item }: { item: string }): { item: string; cents: number } {
    return { item, cents: 250 };
  }
  @MessagePattern('parts')
  parts(): Observable<{ part: number }> {
    return of({ part: 1 }, { part: 2 });
  }
  @MessagePattern('refuse')
  refuse(): never {
    throw new Error('secret');
  }
  @EventPattern<string>('sold')
  sold(@Payload() event: unknown, @Ctx() context: GenRocksContext): void {
    events.push([event, context.getMessage().key]);
  }
}

let app: TestingModule;
let remote: ClientKafka | undefined;
afterEach(async () => {
  await remote?.close();
  await app?.close();
});

it('answers a ClientKafka of Nest in another process, through the Kafka listener', async () => {
  app = await Test.createTestingModule({
    imports: [
      TopicsModule.forRoot({ storage: EtsModule.forRoot() }),
      KafkaModule.forRoot({ port: 0 }),
      GenRocksTransportModule.forRoot({ group: 'shop' }),
    ],
    controllers: [Shop],
  }).compile();
  app.useLogger(false);
  const service = app.createNestMicroservice({ strategy: app.get(GenRocksServer) });
  await service.listen();
  const { bootstrap } = app.get(KafkaListener);
  for (const pattern of ['price', 'parts', 'refuse'])
    await app.get(TopicsService).startTopic(`${pattern}.reply`);
  remote = new ClientKafka({
    client: { brokers: [bootstrap], clientId: 'remote', logLevel: logLevel.NOTHING },
    consumer: { groupId: 'remote', maxWaitTimeInMs: 50 },
  });
  for (const pattern of ['price', 'parts', 'refuse']) remote.subscribeToResponseOf(pattern);
  await remote.connect();
  expect(await lastValueFrom(remote.send('price', { item: 'tea' }))).toEqual({ item: 'tea', cents: 250 });
  expect(await lastValueFrom(remote.send('parts', {}).pipe(toArray()))).toEqual([{ part: 1 }, { part: 2 }]);
  await expect(lastValueFrom(remote.send('refuse', {}))).rejects.toMatchObject({
    message: 'Internal server error',
  });
  await firstValueFrom(remote.emit('sold', { key: 'ada', value: { item: 'tea' } }));
  await expect.poll(() => events).toEqual([[{ item: 'tea' }, 'ada']]);
  // First: without its broker kafkajs takes its time to close.
  await remote.close();
  remote = undefined;
  await service.close();
});
