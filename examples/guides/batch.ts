import { Injectable } from '@nestjs/common';
import { type HandlerContext, type Message, MessageContext, MessageValue, Subscribe } from '@genrocks/topics';
import { FullMessage } from '@genrocks/topics';

export interface Reading {
  sensor: string;
  celsius: number;
}

@Injectable()
export class Readings {
  readonly rows: Reading[] = [];

  /** Up to 500 messages of one partition: one insert instead of 500. */
  @Subscribe('readings', { group: 'warehouse', batch: 500 })
  insert(@MessageValue() readings: Reading[]) {
    this.rows.push(...readings);
  }

  readonly alarms: string[] = [];

  /** Fails single messages of a batch: those come again, the others are done. */
  @Subscribe('readings', { group: 'alarms', batch: 100, retry: { attempts: 2 } })
  check(@FullMessage() messages: Message<Reading>[], @MessageContext() context: HandlerContext) {
    for (const message of messages) {
      if (Number.isNaN(Number(message.value.celsius))) context.nack(new Error('no number'), message);
      else if (message.value.celsius > 90) this.alarms.push(message.value.sensor);
    }
  }
}
