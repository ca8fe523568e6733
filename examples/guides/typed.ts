import { Injectable, Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { structuredCodec } from '@genrocks/storage';
import { InjectTopic, MessageValue, Subscribe, Topic, TopicsModule } from '@genrocks/topics';
import { IsInt, IsPositive, IsString } from 'class-validator';

export class OrderDto {
  @IsInt()
  id!: number;

  @IsString()
  customer!: string;

  @IsPositive()
  amount!: number;
}

/** Values that JSON cannot represent: dates, maps, big integers, bytes. */
export interface Snapshot {
  takenAt: Date;
  totals: Map<string, bigint>;
}

@Injectable()
export class Shop {
  readonly billed: OrderDto[] = [];

  constructor(
    @InjectTopic('orders') readonly orders: Topic<OrderDto>, // publish() takes only an OrderDto
    @InjectTopic('snapshots') readonly snapshots: Topic<Snapshot>,
  ) {}

  /** A message that is not a valid order becomes a dead letter at once, without a retry. */
  @Subscribe('orders', { group: 'billing' })
  bill(@MessageValue() order: OrderDto) {
    this.billed.push(order);
  }
}

@Module({
  imports: [TopicsModule.forFeature(['orders', { name: 'snapshots', codec: structuredCodec }])],
  providers: [Shop, { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true }) }],
})
export class ShopModule {}
