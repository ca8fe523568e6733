import { DiskLogModule } from '@genrocks/storage-disklog';
import { InjectTopic, MessageValue, Subscribe, Topic, TopicsModule } from '@genrocks/topics';
import { Injectable, Module } from '@nestjs/common';

export interface Order {
  customer: string;
  amount: number;
}

@Injectable()
export class OrdersService {
  constructor(@InjectTopic('orders') private readonly orders: Topic<Order>) {}

  /** Resolves when the order is durable. Orders of one customer stay in sequence. */
  place(order: Order) {
    return this.orders.publish({ key: order.customer, value: order });
  }
}

@Injectable()
export class BillingService {
  readonly totals = new Map<string, number>();

  /** Resumes where the group stopped last time. After a crash it may see a message again: at least once. */
  @Subscribe('orders', { group: 'billing' })
  bill(@MessageValue() { customer, amount }: Order) {
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
