import { Module } from '@nestjs/common';
import { KafkaListener, KafkaModule } from '@genrocks/kafka';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import type { INestApplicationContext } from '@nestjs/common';
import { Kafka } from 'kafkajs';

@Module({
  imports: [
    TopicsModule.forRoot({ storage: EtsModule.forRoot(), topics: [{ name: 'orders' }] }),
    KafkaModule.forRoot({ port: 0 }), // 0: any free port; 9092 is the usual one
  ],
})
export class AppModule {}

/** A Kafka client publishes, and the topic reads. */
export async function fromKafkaToNest(app: INestApplicationContext): Promise<unknown> {
  const kafka = new Kafka({ brokers: [app.get(KafkaListener).bootstrap] });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'orders', messages: [{ key: 'ada', value: '{"amount":42}' }] });
  await producer.disconnect();
  const { messages } = await app.get(TopicsService).topic('orders').partition(0).readMessages({ offset: 0 });
  return messages[0]?.value; // { amount: 42 }
}
