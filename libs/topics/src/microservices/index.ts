export { GenRocksClient, type GenRocksClientOptions } from './genrocks.client.js';
export { GenRocksContext } from './genrocks.context.js';
export { GenRocksRecord, type GenRocksRecordOptions } from './genrocks.record.js';
export { type EventConsumerOptions, GenRocksServer, type GenRocksServerOptions } from './genrocks.server.js';
export {
  ClientClosedError,
  HandlerFailedError,
  ReplyTopicMissingError,
  RequestTimeoutError,
} from './rpc.errors.js';
export { GENROCKS_TRANSPORT, RpcHeader } from './transport.js';
export {
  type GenRocksTransportAsyncOptions,
  GenRocksTransportModule,
  type GenRocksTransportOptions,
} from './transport.module.js';
