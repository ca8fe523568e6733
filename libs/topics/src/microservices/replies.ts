import type { WritePacket } from '@nestjs/microservices';
import type { Subscription } from 'rxjs';
import { ReplyTopicMissingError, errorToText } from './rpc.errors.js';
import type { TopicsService } from '../topics.service.js';
import { type ReplyTo, RpcHeader } from './transport.js';

/** The answer to a request: its packets in order, until it is complete or cancelled. */
export class Replies {
  /** Resolves when the first packet is stored, or there will be none. */
  readonly begun: Promise<void>;
  /** Resolves when no further packet will be sent. */
  readonly ended: Promise<void>;
  private begin!: () => void;
  private end!: () => void;
  private over = false;
  private source: Subscription | undefined;

  constructor(
    private readonly topics: TopicsService,
    private readonly to: ReplyTo,
  ) {
    this.begun = new Promise((resolve) => (this.begin = resolve));
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** Sets the source of the packets, which is unsubscribed when the answer is over. */
  follow(source: Subscription): void {
    this.source = source;
    if (this.over) source.unsubscribe();
  }

  /** Ends the answer: nobody waits for it any more. */
  cancel(): void {
    this.finish();
    this.source?.unsubscribe();
  }

  /**
   * Stores a packet. If that fails, the answer ends, with the reason if that can be stored.
   * @throws the error of storing that reason
   */
  async send(packet: WritePacket): Promise<void> {
    if (this.over) return;
    const { isDisposed = false } = packet;
    const err: unknown = packet.err;
    try {
      if (err === undefined) await this.publish(packet);
      else await this.fail(err);
    } catch (error) {
      if (err !== undefined || this.over) throw error;
      await this.fail(error);
      this.cancel();
    } finally {
      this.begin();
      if (isDisposed) this.finish();
    }
  }

  /** Ends the answer with an error. */
  async fail(error: unknown): Promise<void> {
    await this.publish({ err: error, isDisposed: true });
  }

  private finish(): void {
    this.over = true;
    this.begin();
    this.end();
  }

  private async publish({ err, response, isDisposed }: WritePacket): Promise<void> {
    const { correlationId, topic, partition } = this.to;
    // Only to existing topics: a name in a header must not create one.
    if (!this.topics.hasTopic(topic)) throw new ReplyTopicMissingError(topic);
    await this.topics.publish(topic, {
      value: response ?? null,
      headers: {
        [RpcHeader.correlationId]: correlationId,
        ...(err === undefined ? {} : { [RpcHeader.error]: errorToText(err) }),
        ...(isDisposed === true ? { [RpcHeader.isDisposed]: '1' } : {}),
        ...(response === undefined ? { [RpcHeader.isEmpty]: '1' } : {}),
      },
      ...(partition === undefined ? {} : { partition }),
    });
  }
}
