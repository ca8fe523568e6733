export { messagesOfBatch } from '../partition/batch-messages.js';
export {
  baseOffsetOf,
  type BatchHeader,
  checkCrc,
  type Compression,
  firstBatchBytes,
  magicOf,
  patchLeaderEpoch,
  readBatchHeader,
} from './batch-header.js';
export { BatchReader, type DecodeOptions, type RecordView } from './batch-reader.js';
export { BatchWriter, recordBytes, type RecordHeaderInput, type RecordInput } from './batch-writer.js';
export { compressBatch, decompress } from './compression.js';
