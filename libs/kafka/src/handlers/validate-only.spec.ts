import { InvalidConfigError } from '@genrocks/storage';
import { MemoryAdapter } from '@genrocks/topics/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Embedded, embed, storageOn } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { alterConfigs } from '../protocol/apis/alter-configs.js';
import { createPartitions } from '../protocol/apis/create-partitions.js';
import { createTopics } from '../protocol/apis/create-topics.js';
import { incrementalAlterConfigs } from '../protocol/apis/incremental-alter-configs.js';
import { ErrorCode } from '../protocol/error-codes.js';

const MAX_TOPICS = 4;
const MAX_PARTITIONS = 8;
const TOPIC = 2;

describe('a validate_only request gets the answer of the real one, and changes nothing:', () => {
  const adapter = new MemoryAdapter();
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed(
      {},
      {
        storage: storageOn(adapter),
        topics: [{ name: 't', partitions: 2 }],
        maxTopics: MAX_TOPICS,
        maxPartitionsPerTopic: MAX_PARTITIONS,
        defaultPartitions: 3,
      },
    );
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
    adapter.disk.clear();
  });

  /** Sends the request in both forms, and expects the same answer to both. */
  const both = async <T>(ask: (validateOnly: boolean) => Promise<T>): Promise<T> => {
    const { writes } = adapter;
    const before = embedded.topics.listTopics();
    const told = await ask(true);
    expect(embedded.topics.listTopics()).toEqual(before);
    expect(adapter.writes).toBe(writes);
    expect(await ask(false)).toEqual(told);
    return told;
  };

  it('CreateTopics, limits of topics and partitions included', async () => {
    const topic = { numPartitions: -1, replicationFactor: -1, configs: [], assignments: [] };
    const topics = [
      { ...topic, name: 'a' },
      { ...topic, name: 'many', numPartitions: MAX_PARTITIONS + 1 },
      { ...topic, name: 't' },
      { ...topic, name: 'odd', configs: [{ name: 'retention.ms', value: '7' }] },
      { ...topic, name: 'b', numPartitions: 1 },
      { ...topic, name: 'c', assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      { ...topic, name: 'd' },
    ];
    const told = await both(async (validateOnly) => {
      const answer = await client.call(createTopics, 5, { topics, timeoutMs: 1_000, validateOnly });
      return answer.topics.map(({ name, errorCode, numPartitions }) => [name, errorCode, numPartitions]);
    });
    expect(told).toEqual([
      ['a', ErrorCode.NONE, 3],
      ['many', ErrorCode.POLICY_VIOLATION, -1],
      ['t', ErrorCode.TOPIC_ALREADY_EXISTS, -1],
      ['odd', ErrorCode.INVALID_CONFIG, -1],
      ['b', ErrorCode.NONE, 1],
      ['c', ErrorCode.NONE, 1],
      ['d', ErrorCode.POLICY_VIOLATION, -1],
    ]);
  });

  it('CreatePartitions, the limit included', async () => {
    const codeOf = (count: number) =>
      both(async (validateOnly) => {
        const topics = [{ name: 't', count, assignments: null }];
        return (await client.call(createPartitions, 3, { topics, timeoutMs: 1_000, validateOnly }))
          .results[0]!.errorCode;
      });
    expect(await codeOf(MAX_PARTITIONS + 1)).toBe(ErrorCode.POLICY_VIOLATION);
    expect(await codeOf(2)).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(await codeOf(MAX_PARTITIONS)).toBe(ErrorCode.NONE);
  });

  it('AlterConfigs and IncrementalAlterConfigs, with the checks of the storage', async () => {
    const codes = () =>
      both(async (validateOnly) => {
        const resources = [{ type: TOPIC, name: 't', configs: [] }];
        const whole = await client.call(alterConfigs, 2, { resources, validateOnly });
        const single = await client.call(incrementalAlterConfigs, 1, { resources, validateOnly });
        return [...whole.responses, ...single.responses].map(({ errorCode }) => errorCode);
      });
    expect(await codes()).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
    vi.spyOn(adapter, 'validateSettings').mockImplementation(() => {
      throw new InvalidConfigError(['maxNoFiles: too many']);
    });
    expect(await codes()).toEqual([ErrorCode.INVALID_CONFIG, ErrorCode.INVALID_CONFIG]);
    vi.restoreAllMocks();
  });
});
