import type { PublishMessage } from '../message.js';

/** What a record has besides its value. */
export type GenRocksRecordOptions = Pick<PublishMessage, 'key' | 'headers' | 'partition' | 'timestamp'>;

/**
 * Data for `client.emit` and `client.send` with a key, headers or a partition of its own.
 *
 * @example
 * client.emit('orders', new GenRocksRecord(order, { key: order.customer }));
 *
 * @publicApi
 */
export class GenRocksRecord<T = unknown> {
  constructor(
    readonly value: T,
    readonly options: GenRocksRecordOptions = {},
  ) {}
}
