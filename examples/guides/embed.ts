import { Injectable, Module } from '@nestjs/common';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { InjectTopic, MessageValue, Subscribe, Topic, TopicsModule } from '@genrocks/topics';

export interface Order {
  customer: string;
  amount: number;
}

@Injectable()
export class Orders {
  constructor(@InjectTopic('orders') private readonly orders: Topic<Order>) {}

  /** Resolves when the order is on the disk. The orders of a customer stay in sequence. */
  place(order: Order) {
    return this.orders.publish({ key: order.customer, value: order });
  }
}

@Injectable()
export class Billing {
  readonly totals = new Map<string, number>();

  @Subscribe('orders', { group: 'billing' })
  bill(@MessageValue() { customer, amount }: Order) {
    this.totals.set(customer, (this.totals.get(customer) ?? 0) + amount);
  }
}

export const appModule = (logDir: string) => {
  @Module({
    imports: [
      TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir }) }),
      TopicsModule.forFeature([{ name: 'orders', partitions: 4 }]),
    ],
    providers: [Orders, Billing],
  })
  class AppModule {}
  return AppModule;
};
