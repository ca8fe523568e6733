import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { EtsModule } from '@genrocks/storage-ets';
import { InjectTopic, Topic, TopicsModule, TopicsService } from '@genrocks/topics';

interface Order {
  id: number;
  total: number;
}

@Injectable()
export class Orders {
  constructor(@InjectTopic('orders') private readonly orders: Topic<Order>) {}

  async place(order: Order): Promise<number> {
    const { offset } = await this.orders.publish({ key: String(order.id), value: order });
    return offset; // stored by now, as durably as the adapter promises
  }
}

@Injectable()
export class Billing implements OnModuleInit {
  readonly billed: number[] = [];

  constructor(private readonly topics: TopicsService) {}

  async onModuleInit(): Promise<void> {
    await this.topics.startConsumerGroup<Order>({
      group: 'billing',
      topics: ['orders'],
      handler: (message) => {
        this.billed.push(message.value.total); // if this throws, the message comes again
      },
    });
  }
}

@Module({
  imports: [
    TopicsModule.forRoot({
      storage: EtsModule.forRoot(), // in memory; DiskLogModule.forRoot({ logDir: './data' }) keeps it on disk
      topics: [{ name: 'orders', partitions: 4 }],
    }),
    TopicsModule.forFeature(['orders']),
  ],
  providers: [Orders, Billing],
})
export class AppModule {}
