/** How long a test waits for its first message: from createTestingModule to the handler of a kafkajs consumer. */
import { Test } from '@nestjs/testing';
import { KafkaListener, KafkaModule } from '@genrocks/kafka';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule } from '@genrocks/topics';
import kafkajs from 'kafkajs';

const began = performance.now();
const moduleRef = await Test.createTestingModule({
  imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() }), KafkaModule.forRoot({ port: 0 })],
}).compile();
moduleRef.useLogger(false);
const app = await moduleRef.init();
const client = new kafkajs.Kafka({
  brokers: [app.get(KafkaListener).bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
});
const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
const consumer = client.consumer({ groupId: 'bench' });
await producer.connect();
await producer.send({ topic: 'bench', messages: [{ value: 'x' }] });
const produced = performance.now();
await consumer.connect();
await consumer.subscribe({ topic: 'bench', fromBeginning: true });
await new Promise((resolve, reject) => {
  consumer.run({ eachMessage: async () => resolve() }).catch(reject);
});
process.send({ startMs: performance.now() - began, producedMs: produced - began });
await consumer.disconnect();
await producer.disconnect();
await app.close();
process.disconnect();
