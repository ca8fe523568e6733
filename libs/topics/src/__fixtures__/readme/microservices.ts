import { Controller, Injectable, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { GenRocksClient, GenRocksRecord, GenRocksTransportModule } from '@genrocks/topics/microservices';
import { firstValueFrom, type Observable } from 'rxjs';

interface Order {
  id: number;
  customer: string;
}

@Controller()
export class OrdersController {
  readonly billed: number[] = [];

  @EventPattern('orders.placed') // the topic; if the handler throws, the event comes again
  bill(@Payload() order: Order): void {
    this.billed.push(order.id);
  }

  @MessagePattern('orders.price')
  price(@Payload() { id }: Order): { id: number; cents: number } {
    return { id, cents: 100 * id };
  }
}

@Injectable()
export class Shop {
  constructor(private readonly client: GenRocksClient) {}

  async place(order: Order): Promise<void> {
    const record = new GenRocksRecord(order, { key: order.customer });
    await firstValueFrom(this.client.emit('orders.placed', record)); // stored by now
  }

  price(order: Order): Observable<{ id: number; cents: number }> {
    return this.client.send('orders.price', order);
  }
}

@Module({
  imports: [GenRocksTransportModule.forRoot({ group: 'billing', consumer: { retry: { attempts: 3 } } })],
  controllers: [OrdersController],
  providers: [Shop],
})
export class ShopModule {}
