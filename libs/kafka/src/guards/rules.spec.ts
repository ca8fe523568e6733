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

/** Nobody is refused these once in; some answers show less to some. */
const OPEN = [
  apis.apiVersions.key,
  apis.saslHandshake.key,
  apis.saslAuthenticate.key,
  apis.describeCluster.key,
  apis.consumerGroupHeartbeat.key,
];
/** What it does not show is tested on its own. */
const FILTERED = [apis.listGroups.key];

describe('the rules', () => {
  it('cover every API, and so do the cases below', () => {
    const keys = ALL.map(({ key }) => key).sort((a, b) => a - b);
    expect([...RULES.keys()].sort((a, b) => a - b)).toEqual(keys);
    const tested = casesOf('x', Buffer.alloc(0)).map(({ api }) => api.key);
    expect([...new Set([...tested, ...OPEN, ...FILTERED])].sort((a, b) => a - b)).toEqual(keys);
  });

  it('let no API in that has none', () => {
    const desk = new Desk(
      new TopicDirectory({} as never),
      new VirtualCluster({ brokers: 1 }, () => []),
      true,
    );
    const api = { key: 999, name: 'New' } as Api;
    expect(() => guarded([{ api, handle: () => ({}) }], desk)).toThrowError(/no rule says who may use New/);
  });

  it('leave everything else that is said of an API as it was', () => {
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
