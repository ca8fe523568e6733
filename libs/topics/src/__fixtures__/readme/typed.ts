import { Injectable, Module } from '@nestjs/common';
import { IsInt, IsPositive } from 'class-validator';
import { defineTopic, InjectTopic, type PublishResult, Topic, TopicsModule } from '@genrocks/topics';

export class Payment {
  @IsInt()
  id!: number;

  @IsPositive()
  amount!: number;
}

/** `schema` may also be a Standard Schema: `z.object({ id: z.number().int(), amount: z.number().positive() })`. */
export const payments = defineTopic({ name: 'payments', schema: Payment });

@Injectable()
export class Cashier {
  constructor(@InjectTopic(payments) private readonly payments: Topic<Payment>) {}

  pay(id: number, amount: number): Promise<PublishResult> {
    return this.payments.publish({ value: { id, amount } }); // SCHEMA_VIOLATION for an amount of 0
  }
}

@Module({ imports: [TopicsModule.forFeature([payments])], providers: [Cashier], exports: [Cashier] })
export class PaymentsModule {}
