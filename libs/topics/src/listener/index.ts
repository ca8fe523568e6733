export { CONSUMER_PROTOCOL, decodeSubscription } from '../groups/coordinator/consumer-protocol.js';
export { GroupCoordinator } from '../groups/coordinator/group-coordinator.js';
export type * from '../groups/coordinator/membership.types.js';
export { assertGroupName } from '../groups/group-name.js';
export { isUnreadable } from '../partition/unreadable.js';
export { type AwaitedData, waitForAnyData } from '../partition/wait-for-any.js';
export { patientTimeout } from '../patient-timeout.js';
