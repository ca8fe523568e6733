import { array, boolean, int16, int32, int8, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => include_cluster_operations [1+ endpoint_type]
 * Response => throttle_time_ms error_code error_message [1+ endpoint_type] cluster_id controller_id [brokers]
 *             cluster_operations
 *   brokers => broker_id host port rack
 * ```
 */
export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    includeClusterOperations: boolean(),
    endpointType: int8({ versions: 1, fallback: 1 }),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    errorCode: int16(),
    errorMessage: nullableString(),
    endpointType: int8({ versions: 1, fallback: 1 }),
    clusterId: string(),
    controllerId: int32(),
    brokers: array({ brokerId: int32(), host: string(), port: int32(), rack: nullableString() }),
    clusterOperations: int32({ fallback: -2147483648 }),
  },
});
