import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { alterConfigs } from '../protocol/apis/alter-configs.js';
import { createPartitions } from '../protocol/apis/create-partitions.js';
import { createTopics } from '../protocol/apis/create-topics.js';
import { deleteTopics } from '../protocol/apis/delete-topics.js';
import { incrementalAlterConfigs } from '../protocol/apis/incremental-alter-configs.js';
import { metadata } from '../protocol/apis/metadata.js';
import { ErrorCode } from '../protocol/error-codes.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';
const MAX_TOPICS = 4;
const TOPIC = 2;

describe('an administrator is refused', () => {
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 't' }], maxTopics: MAX_TOPICS });
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const codesOf = (answers: readonly { readonly errorCode: number }[]) =>
    answers.map(({ errorCode }) => errorCode);

  it('the deletion of a topic that is named twice, by name or by UUID, or not named at all', async () => {
    const { id } = embedded.topics.topic('t');
    const byName = await client.call(deleteTopics, 5, { names: ['t', 'x', 't'], timeoutMs: 1_000 });
    expect(codesOf(byName.topics)).toEqual([
      ErrorCode.INVALID_REQUEST,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.INVALID_REQUEST,
    ]);
    const ask = async (...topics: { name: string | null; topicId: string }[]) =>
      codesOf((await client.call(deleteTopics, 6, { topics, timeoutMs: 1_000 })).topics);
    const [name, uuid] = [
      { name: 't', topicId: NO_ID },
      { name: null, topicId: id },
    ];
    expect(await ask(name, uuid)).toEqual([ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST]);
    expect(await ask({ name: 't', topicId: id })).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(await ask({ name: null, topicId: NO_ID })).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(embedded.topics.hasTopic('t')).toBe(true);
    expect(await ask(uuid)).toEqual([0]);
    expect(embedded.topics.hasTopic('t')).toBe(false);
  });

  it('altering the configuration of one topic twice, and null as a value', async () => {
    const alter = vi.spyOn(embedded.topics, 'alterStorage');
    const resource = { type: TOPIC, name: 't', configs: [] };
    const whole = await client.call(alterConfigs, 2, {
      resources: [resource, resource],
      validateOnly: false,
    });
    expect(codesOf(whole.responses)).toEqual([ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST]);
    const single = (operation: number, value: string | null) => ({
      ...resource,
      configs: [{ name: 'cleanup.policy', operation, value }],
    });
    const ask = async (...resources: ReturnType<typeof single>[]) =>
      codesOf((await client.call(incrementalAlterConfigs, 1, { resources, validateOnly: false })).responses);
    expect(await ask(single(0, 'delete'), single(1, null))).toEqual([
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
    expect(await ask(single(0, null))).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(alter).not.toHaveBeenCalled();
    expect(await ask(single(0, 'delete'))).toEqual([0]);
  });

  it('assignments that omit a partition or name one twice; their order does not matter', async () => {
    const create = async (...indexes: number[]) => {
      const assignments = indexes.map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
      const topic = { name: 'new', numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
      const { topics } = await client.call(createTopics, 5, { topics: [topic], timeoutMs: 1_000 });
      return topics[0]!.errorCode;
    };
    expect(await create(0, 2)).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await create(1, 2)).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await create(0, 1, 1)).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await create(1, 0)).toBe(0);
    expect(embedded.topics.topic('new').partitionCount).toBe(2);
  });

  // Strings of old versions have at most 32,767 bytes: an answer with a longer message could not be encoded.
  it('with a short message, however long the request', async () => {
    const configs = Array.from({ length: 5_000 }, (_, i) => ({ name: `unknown.${i}`, value: '1' }));
    const resources = [{ type: TOPIC, name: 't', configs }];
    const altered = await client.call(alterConfigs, 0, { resources, validateOnly: false });
    const long = 'x'.repeat(32_000);
    const grown = await client.call(createPartitions, 0, {
      topics: [{ name: long, count: 2, assignments: null }],
      timeoutMs: 1_000,
      validateOnly: false,
    });
    const created = await client.call(createTopics, 1, {
      topics: [
        {
          name: 'new',
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: 'retention.ms', value: long }],
        },
      ],
      timeoutMs: 1_000,
    });
    const told = [altered.responses[0]!, grown.results[0]!, created.topics[0]!];
    expect(codesOf(told)).toEqual([
      ErrorCode.INVALID_CONFIG,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.INVALID_CONFIG,
    ]);
    for (const { errorMessage } of told) expect(errorMessage!.length).toBeLessThan(1_100);
  });

  it('further topics above the limit, most of them without a try', async () => {
    const tries = vi.spyOn(embedded.topics, 'resolveTopic');
    const names = Array.from({ length: 200 }, (_, i) => `t${i}`);
    const answer = await client.call(metadata, 9, { topics: names.map((name) => ({ name })) });
    const created = answer.topics.filter(({ errorCode }) => errorCode === 0);
    expect(created).toHaveLength(MAX_TOPICS - 1);
    expect(new Set(codesOf(answer.topics))).toEqual(new Set([0, ErrorCode.POLICY_VIOLATION]));
    expect(tries.mock.calls.length).toBeLessThan(50);
  });
});
