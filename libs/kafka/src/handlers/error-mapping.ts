import { isGenRocksError } from '@genrocks/storage';
import { ErrorCode } from '../protocol/error-codes.js';

/** What errors of topics and storage mean to a Kafka client; those it may retry are retriable there too. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  TOPIC_NOT_FOUND: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  PARTITION_NOT_FOUND: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  TOPIC_STOPPED: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  SERVICE_STOPPED: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  PARTITION_UNAVAILABLE: ErrorCode.KAFKA_STORAGE_ERROR,
  TOPIC_EXISTS: ErrorCode.TOPIC_ALREADY_EXISTS,
  INVALID_TOPIC_NAME: ErrorCode.INVALID_TOPIC,
  RESERVED_TOPIC_NAME: ErrorCode.INVALID_TOPIC,
  OFFSET_OUT_OF_RANGE: ErrorCode.OFFSET_OUT_OF_RANGE,
  CORRUPT_BATCH: ErrorCode.CORRUPT_MESSAGE,
  LOG_CORRUPT: ErrorCode.CORRUPT_MESSAGE,
  MESSAGE_TOO_LARGE: ErrorCode.MESSAGE_TOO_LARGE,
  TOO_LARGE: ErrorCode.MESSAGE_TOO_LARGE,
  INVALID_MESSAGE: ErrorCode.INVALID_RECORD,
  UNSUPPORTED_COMPRESSION: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  BACKPRESSURE: ErrorCode.REQUEST_TIMED_OUT,
  LIMIT_REACHED: ErrorCode.POLICY_VIOLATION,
  INVALID_CONFIG: ErrorCode.INVALID_CONFIG,
  INVALID_GROUP: ErrorCode.INVALID_GROUP_ID,
  GROUP_NOT_FOUND: ErrorCode.GROUP_ID_NOT_FOUND,
  GROUP_NOT_EMPTY: ErrorCode.NON_EMPTY_GROUP,
  GROUP_FULL: ErrorCode.GROUP_MAX_SIZE_REACHED,
  UNKNOWN_MEMBER: ErrorCode.UNKNOWN_MEMBER_ID,
  MEMBER_ID_REQUIRED: ErrorCode.MEMBER_ID_REQUIRED,
  FENCED_MEMBER: ErrorCode.FENCED_INSTANCE_ID,
  STALE_GENERATION: ErrorCode.ILLEGAL_GENERATION,
  REBALANCE_IN_PROGRESS: ErrorCode.REBALANCE_IN_PROGRESS,
  INCONSISTENT_GROUP_PROTOCOL: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  COORDINATOR_STOPPED: ErrorCode.NOT_COORDINATOR,
  STORE_CLOSED: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  OWNERSHIP_LOST: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  NO_SPACE: ErrorCode.KAFKA_STORAGE_ERROR,
  LOG_FULL: ErrorCode.KAFKA_STORAGE_ERROR,
  RETENTION_FULL: ErrorCode.KAFKA_STORAGE_ERROR,
  SYNC_FAILED: ErrorCode.KAFKA_STORAGE_ERROR,
  IO_ERROR: ErrorCode.KAFKA_STORAGE_ERROR,
};

export function errorCodeOf(error: unknown): ErrorCode {
  const code = isGenRocksError(error) ? CODES[error.code] : undefined;
  return code ?? ErrorCode.UNKNOWN_SERVER_ERROR;
}

/** The code of what the call throws, or of its success. */
export function outcomeOf(call: () => void): ErrorCode {
  try {
    call();
    return ErrorCode.NONE;
  } catch (error) {
    return errorCodeOf(error);
  }
}
