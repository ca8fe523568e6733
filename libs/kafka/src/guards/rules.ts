import { UnguardedApiError } from '../errors.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { consumerGroupHeartbeat } from '../protocol/apis/consumer-group-heartbeat.js';
import { describeCluster } from '../protocol/apis/describe-cluster.js';
import { saslAuthenticate } from '../protocol/apis/sasl-authenticate.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';
import type { Route } from '../server/request.types.js';
import * as admin from './admin-rules.js';
import * as groups from './group-rules.js';
import * as partitions from './partition-rules.js';
import { type Desk, open, type Rule } from './rule.js';

/** What every API asks of its clients. */
export const RULES: ReadonlyMap<number, Rule> = new Map(
  [
    ...Object.values(partitions),
    ...Object.values(groups),
    ...Object.values(admin),
    open(apiVersions),
    open(saslHandshake),
    open(saslAuthenticate),
    // Who is connected knows the cluster; what may be done with it is in the answer.
    open(describeCluster),
    // It is refused to all alike.
    open(consumerGroupHeartbeat),
  ].map((rule) => [rule.key, rule]),
);

/**
 * Puts every API's rule in front of what serves it.
 * @throws {UnguardedApiError} `UNGUARDED_API` for one without a rule: nobody may be let through by having been forgotten
 */
export function guarded(routes: readonly Route[], desk: Desk): Route[] {
  return routes.map((route) => {
    const { api, handle } = route;
    const rule = RULES.get(api.key);
    if (rule === undefined) throw new UnguardedApiError(api.name);
    return { ...route, handle: rule.guard(handle, desk) };
  });
}
