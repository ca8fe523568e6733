import type { PublishMessage } from '../message.js';

/** The fields of a record besides its value. */
export type GenRocksRecordOptions = Pick<PublishMessage, 'key' | 'headers' | 'partition' | 'timestamp'>;

/**
 * Data for `client.emit` and `client.send`, with a key, headers, partition or timestamp.
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
