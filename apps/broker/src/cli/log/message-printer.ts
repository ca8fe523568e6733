import { messagesOfBatch } from '@genrocks/topics/records';
import { viewMessage } from '../../messages/message.view.js';
import { type Output, warn } from '../output.js';
import type { Entry, Printer } from './dump.command.js';
import { nameOf } from './partition-names.js';

/** Prints the messages in the record batches of a partition. */
export class MessagePrinter implements Printer {
  constructor(
    private readonly out: Output,
    private readonly where: { readonly topic: string; readonly partition: number },
    private left = Infinity,
  ) {}

  get isDone(): boolean {
    return this.left <= 0;
  }

  async entry({ key, value }: Entry): Promise<boolean> {
    if (value === undefined) return true;
    try {
      const messages = messagesOfBatch(this.where, key, value);
      if (messages === undefined)
        throw new Error('its key is not an offset, so this is not the log of a topic');
      for (const message of messages) {
        if (this.left-- <= 0) return true;
        await this.out.line(JSON.stringify(viewMessage(message)));
      }
      return true;
    } catch (error) {
      warn(
        `${nameOf(this.where)}: the entry ${key.toString('hex')} holds no messages: ${(error as Error).message}`,
      );
      return false;
    }
  }
}
