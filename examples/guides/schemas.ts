import { Injectable, Module } from '@nestjs/common';
import {
  defineTopic,
  InjectTopic,
  MessageValue,
  Subscribe,
  type TopicOf,
  TopicsModule,
  TopicsService,
} from '@genrocks/topics';
import { IsInt, IsPositive, IsString } from 'class-validator';
import { z } from 'zod';

/** A class with class-validator decorators: handlers get instances of it. */
export class Order {
  @IsInt()
  id!: number;

  @IsString()
  customer!: string;

  @IsPositive()
  amount!: number;
}

export const orders = defineTopic({ name: 'orders', partitions: 4, schema: Order });
export type Orders = TopicOf<typeof orders>;

/** Or any Standard Schema (zod, valibot, ArkType, ...): handlers get its output. */
export const invoices = defineTopic({
  name: 'invoices',
  schema: z.object({ order: z.int(), cents: z.int().positive(), currency: z.string().default('EUR') }),
});
export type Invoices = TopicOf<typeof invoices>;

@Injectable()
export class Billing {
  readonly written: string[] = [];

  constructor(
    private readonly topics: TopicsService,
    @InjectTopic(orders) readonly orders: Orders,
    @InjectTopic(invoices) readonly invoices: Invoices,
  ) {}

  /** Only valid orders arrive here: no pipe and no check is needed. */
  @Subscribe(orders.name, { group: 'billing' })
  async bill(@MessageValue() { id, amount }: Order) {
    await this.invoices.publish({ value: { order: id, cents: 100 * amount, currency: 'EUR' } });
  }

  @Subscribe(invoices.name, { group: 'printing' })
  print(@MessageValue() { order, cents, currency }: z.infer<typeof invoices.schema>) {
    this.written.push(`${order}: ${cents} ${currency}`);
  }

  /** Why messages of other clients are not valid orders. */
  async refused() {
    const letters = await this.topics.deadLetters.list('orders.dlq');
    return letters.filter(({ error }) => error === 'SCHEMA_VIOLATION').map(({ reason }) => reason);
  }
}

@Module({ imports: [TopicsModule.forFeature([orders, invoices])], providers: [Billing] })
export class BillingModule {}
