import {
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Kafka, Partitioners } from 'kafkajs';
import type { Order } from './embed.js';

@Injectable()
export class Orders implements OnModuleInit, OnApplicationShutdown {
  private readonly producer;

  constructor(@Inject(Kafka) kafka: Kafka) {
    // Keeps each key in the partition it has with TopicsModule.
    this.producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  }

  onModuleInit = () => this.producer.connect();
  onApplicationShutdown = () => this.producer.disconnect();

  /** Resolves when the order is on the broker's disk. */
  async place(order: Order) {
    const messages = [{ key: order.customer, value: JSON.stringify(order) }];
    await this.producer.send({ topic: 'orders', acks: -1, messages });
  }
}

@Injectable()
export class Billing implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly totals = new Map<string, number>();
  private readonly consumer;

  constructor(@Inject(Kafka) kafka: Kafka) {
    this.consumer = kafka.consumer({ groupId: 'billing' });
  }

  async onApplicationBootstrap() {
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: 'orders', fromBeginning: true });
    await this.consumer.run({
      eachMessage: async ({ message }) => this.bill(JSON.parse(String(message.value)) as Order),
    });
  }

  onApplicationShutdown = () => this.consumer.disconnect();

  bill({ customer, amount }: Order) {
    this.totals.set(customer, (this.totals.get(customer) ?? 0) + amount);
  }
}

export const appModule = (broker: string) => {
  const kafka = { provide: Kafka, useFactory: () => new Kafka({ brokers: [broker] }) };
  @Module({ providers: [kafka, Orders, Billing] })
  class AppModule {}
  return AppModule;
};
