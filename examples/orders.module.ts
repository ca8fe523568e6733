import { DiskLogModule } from '@genrocks/storage-disklog';
import { InjectTopic, type Message, type Topic, TopicsModule, TopicsService } from '@genrocks/topics';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';

export interface Order {
  customer: string;
  amount: number;
}

@Injectable()
export class OrdersService {
  constructor(@InjectTopic('orders') private readonly orders: Topic<Order>) {}

  /** Resolves when the order is durable. Orders of one customer keep their order. */
  place(order: Order) {
    return this.orders.publish({ key: order.customer, value: order });
  }
}

@Injectable()
export class BillingService implements OnModuleInit {
  readonly totals = new Map<string, number>();

  constructor(@Inject(TopicsService) private readonly topics: TopicsService) {}

  /** The group begins when the application has started, where it stopped the last time. */
  async onModuleInit() {
    await this.topics.startConsumerGroup<Order>({
      group: 'billing',
      topics: ['orders'],
      handler: (message) => this.bill(message),
    });
  }

  /** May see a message again after a crash: delivery is at least once. */
  bill({ value: { customer, amount } }: Message<Order>) {
    this.totals.set(customer, (this.totals.get(customer) ?? 0) + amount);
  }
}

@Module({
  imports: [TopicsModule.forFeature([{ name: 'orders', partitions: 4 }])],
  providers: [OrdersService, BillingService],
})
export class OrdersModule {}

@Module({
  imports: [
    TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir: './gen_rocks_data' }) }),
    OrdersModule,
  ],
})
export class AppModule {}
