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

/** The access rule of every API, by API key. */
export const RULES: ReadonlyMap<number, Rule> = new Map(
  [
    ...Object.values(partitions),
    ...Object.values(groups),
    ...Object.values(admin),
    open(apiVersions),
    open(saslHandshake),
    open(saslAuthenticate),
    // Every authenticated client may see the cluster; the answer lists its rights on it.
    open(describeCluster),
    // Refused for every client anyway.
    open(consumerGroupHeartbeat),
  ].map((rule) => [rule.key, rule]),
);

/**
 * Wraps every route's handler in the rule of its API.
 * @throws {UnguardedApiError} `UNGUARDED_API` for an API without a rule, so that a forgotten rule cannot let anyone in
 */
export function guarded(routes: readonly Route[], desk: Desk): Route[] {
  return routes.map((route) => {
    const { api, handle } = route;
    const rule = RULES.get(api.key);
    if (rule === undefined) throw new UnguardedApiError(api.name);
    return { ...route, handle: rule.guard(handle, desk) };
  });
}
