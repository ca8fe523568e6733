import { int16, int32, int64, nullableString } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => transactional_id transaction_timeout_ms [3+ producer_id producer_epoch]
 * Response => throttle_time_ms error_code producer_id producer_epoch
 * ```
 */
export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    transactionalId: nullableString(),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: 3, fallback: -1 }),
    producerEpoch: int16({ versions: 3, fallback: -1 }),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    errorCode: int16(),
    producerId: int64({ fallback: -1 }),
    producerEpoch: int16({ fallback: -1 }),
  },
});
