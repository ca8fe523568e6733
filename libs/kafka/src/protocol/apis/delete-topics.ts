import { array, int16, int32, list, nullableString, uuid } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => (1-5 [names] | 6+ [topics]) timeout_ms
 *   topics => name topic_id
 * Response => [1+ throttle_time_ms] [topics]
 *   topics => name [6+ topic_id] error_code [5+ error_message]
 * ```
 */
export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [0, 6],
  flexibleFrom: 4,
  request: {
    topics: array({ name: nullableString(), topicId: uuid() }, 6),
    names: list('string', [0, 5]),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    topics: array({
      name: nullableString(0, 6),
      topicId: uuid({ versions: 6, fallback: '00000000-0000-0000-0000-000000000000' }),
      errorCode: int16(),
      errorMessage: nullableString(5),
    }),
  },
});
