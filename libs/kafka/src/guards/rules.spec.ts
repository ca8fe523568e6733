import { describe, expect, it } from 'vitest';
import { casesOf } from '../__fixtures__/rights-cases.js';
import { TopicDirectory } from '../handlers/topic-directory.js';
import { VirtualCluster } from '../cluster/virtual-cluster.js';
import * as apis from '../protocol/apis/index.js';
import type { Api } from '../protocol/schema/api.js';
import { Desk } from './rule.js';
import type { Route } from '../server/request.types.js';
import { guarded, RULES } from './rules.js';

const ALL = Object.values(apis) as unknown as Api[];

/** APIs that no authenticated client is refused; some of their answers depend on rights. */
const OPEN = [
  apis.apiVersions.key,
  apis.saslHandshake.key,
  apis.saslAuthenticate.key,
  apis.describeCluster.key,
  apis.consumerGroupHeartbeat.key,
];
/** Its hidden contents are tested separately. */
const FILTERED = [apis.listGroups.key];

describe('the rules', () => {
  it('cover every API, and so do the cases below', () => {
    const keys = ALL.map(({ key }) => key).sort((a, b) => a - b);
    expect([...RULES.keys()].sort((a, b) => a - b)).toEqual(keys);
    const tested = casesOf('x', Buffer.alloc(0)).map(({ api }) => api.key);
    expect([...new Set([...tested, ...OPEN, ...FILTERED])].sort((a, b) => a - b)).toEqual(keys);
  });

  it('refuse an API without a rule', () => {
    const desk = new Desk(
      new TopicDirectory({} as never),
      new VirtualCluster({ brokers: 1 }, () => []),
      true,
    );
    const api = { key: 999, name: 'New' } as Api;
    expect(() => guarded([{ api, handle: () => ({}) }], desk)).toThrowError(/no rule says who may use New/);
  });

  it('keep all other properties of a route', () => {
    const desk = new Desk(
      new TopicDirectory({} as never),
      new VirtualCluster({ brokers: 1 }, () => []),
      true,
    );
    const produce = {
      api: apis.produce as Api,
      handle: () => ({}),
      overlaps: () => true,
      keepsNoBytes: true,
    };
    const [{ handle, ...rest }] = guarded([produce], desk) as [Route];
    expect({ ...rest, handle: produce.handle }).toEqual(produce);
    expect(handle).not.toBe(produce.handle);
  });
});
