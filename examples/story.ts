import { DiskLogModule } from '@genrocks/storage-disklog';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { NestFactory } from '@nestjs/core';

const storage = DiskLogModule.forRoot({ logDir: process.argv[2] ?? './gen_rocks_data' });
const app = await NestFactory.createApplicationContext(TopicsModule.forRoot({ storage }), { logger: false });
const topics = app.get(TopicsService);
const { offset } = await topics.publish('orders', { key: 'ada', value: { amount: 42 } });
console.log(`order ${offset} is on the disk`); // it was synced before the promise resolved
await topics.startConsumerGroup<{ amount: number }>({
  group: 'billing',
  topics: ['orders'],
  handler: (order) => console.log(`billing ${order.key}: order ${order.offset}, ${order.value.amount}`),
});
