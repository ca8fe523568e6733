import { Injectable, Module } from '@nestjs/common';
import { IsInt, IsPositive } from 'class-validator';
import { type HandlerContext, MessageContext, MessageKey, MessageValue, Subscribe } from '@genrocks/topics';
import { InjectTopic, Topic, TopicsModule } from '@genrocks/topics';

export class OrderDto {
  @IsInt()
  id!: number;

  @IsPositive()
  total!: number;
}

@Injectable()
export class Invoices {
  constructor(@InjectTopic('invoices') private readonly invoices: Topic) {}

  @Subscribe('orders', { group: 'invoices', concurrency: 4, retry: { attempts: 3 } })
  async write(
    @MessageValue() order: OrderDto,
    @MessageKey() key: string | null,
    @MessageContext() { attempt }: HandlerContext,
  ): Promise<void> {
    if (order.total > 1_000 && attempt < 2) throw new Error('the printer is out of paper');
    await this.invoices.publish({ key, value: { orderId: order.id, total: order.total } });
  }
}

@Module({ imports: [TopicsModule.forFeature(['orders', 'invoices'])], providers: [Invoices] })
export class InvoicesModule {}
