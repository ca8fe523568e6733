import { setTimeout as sleep } from 'node:timers/promises';
import { isGenRocksError } from '@genrocks/storage';
import { firstBatchBytes, messagesOfBatch } from '@genrocks/topics/records';
import { RawClient } from '../../libs/kafka/src/__fixtures__/raw-client.js';
import { fetch } from '../../libs/kafka/src/protocol/apis/fetch.js';
import { heartbeat } from '../../libs/kafka/src/protocol/apis/heartbeat.js';
import { joinGroup } from '../../libs/kafka/src/protocol/apis/join-group.js';
import { leaveGroup } from '../../libs/kafka/src/protocol/apis/leave-group.js';
import { listOffsets } from '../../libs/kafka/src/protocol/apis/list-offsets.js';
import { metadata } from '../../libs/kafka/src/protocol/apis/metadata.js';
import { offsetCommit } from '../../libs/kafka/src/protocol/apis/offset-commit.js';
import { offsetFetch } from '../../libs/kafka/src/protocol/apis/offset-fetch.js';
import { syncGroup } from '../../libs/kafka/src/protocol/apis/sync-group.js';
import type { Api } from '../../libs/kafka/src/protocol/schema/api.js';
import type { Decoded, Encodable, Fields } from '../../libs/kafka/src/protocol/schema/fields.js';
import { ErrorCode } from '../../libs/kafka/src/protocol/error-codes.js';
import { assignedPartitions, shareOut } from '../../libs/topics/src/groups/coordinator/assignors.js';
import {
  CONSUMER_PROTOCOL,
  encodeSubscription,
} from '../../libs/topics/src/groups/coordinator/consumer-protocol.js';
import { FIRST_TOPIC, GROUP, type Identity, type ModelWorld, PREFIX } from './world.js';

const EARLIEST = -2;
/** It only guards against hanging: the longest that is ever waited for is a round, of three seconds. */
const PATIENCE_MS = 20_000;

interface Place {
  readonly topic: string;
  readonly partition: number;
  position: number;
}

/** The broker said no: what the member does next depends on it. */
class Refused extends Error {
  constructor(readonly code: number) {
    super(`refused with ${code}`);
  }
}

/** A member of the group that speaks the protocol frame by frame, and begins at the earliest. */
export class FrameMember {
  private memberId = '';
  private generationId = -1;
  private fate: 'works' | 'leaves' | 'died' = 'works';
  private client: RawClient | undefined;
  private readonly ended: Promise<void>;

  /** @param hasPattern subscribes to every topic as it finds them; otherwise to one, by name */
  constructor(
    private readonly world: ModelWorld,
    private readonly hasPattern: boolean,
    private readonly instanceId: string | null,
  ) {
    this.ended = this.run();
  }

  /** Without a word: the group learns of it when its session is over. */
  async die(): Promise<void> {
    this.fate = 'died';
    this.client?.end();
    await this.ended;
  }

  async leave(): Promise<void> {
    this.fate = 'leaves';
    await this.ended;
  }

  private get works(): boolean {
    return this.fate === 'works';
  }

  private get identity(): Identity {
    const { memberId, generationId, instanceId: groupInstanceId } = this;
    return { memberId, generationId, groupInstanceId };
  }

  private async run(): Promise<void> {
    while (this.works) {
      try {
        this.client = await RawClient.connect(this.world.port);
        while (this.works) await this.round(this.client);
        if (this.fate === 'leaves') await this.sayGoodbye(this.client);
      } catch (error) {
        // The broker stops, or is down.
        const isDown = isGenRocksError(error, 'NOT_LISTENING');
        if (!isDown && !/closed|ECONNREFUSED|ECONNRESET/.test(String(error)))
          this.world.violations.push(String(error));
        await sleep(10);
      } finally {
        this.client?.end();
      }
    }
  }

  private async round(client: RawClient): Promise<void> {
    try {
      const places = await this.join(client);
      await this.work(client, places);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === ErrorCode.UNKNOWN_MEMBER_ID || error.code === ErrorCode.ILLEGAL_GENERATION) {
        this.memberId = '';
        this.generationId = -1;
      } else if (error.code === ErrorCode.FENCED_INSTANCE_ID) this.fate = 'died';
      else await sleep(5);
    }
  }

  /** Who is not answered tells what it waited for, and begins anew. */
  private async ask<Request extends Fields, Response extends Fields>(
    client: RawClient,
    api: Api<Request, Response>,
    version: number,
    request: Encodable<Request>,
  ): Promise<Decoded<Response>> {
    const { memberId, generationId, instanceId } = this;
    const who = `${instanceId ?? 'a member'} (${memberId}, generation ${generationId})`;
    const guard = setTimeout(() => {
      this.world.violations.push(`${who} waited ${PATIENCE_MS} ms for an answer to ${api.name}`);
      client.end();
    }, PATIENCE_MS);
    try {
      return await client.call(api, version, request);
    } finally {
      clearTimeout(guard);
    }
  }

  private async join(client: RawClient): Promise<Place[]> {
    const known = await this.topics(client);
    const names = this.hasPattern ? [...known.keys()] : [FIRST_TOPIC];
    const subscription = encodeSubscription({ topics: names, owned: [], generation: -1 }, 0);
    const joined = await this.ask(client, joinGroup, 5, {
      ...this.identity,
      groupId: GROUP,
      sessionTimeoutMs: 1_000,
      rebalanceTimeoutMs: 3_000,
      protocolType: CONSUMER_PROTOCOL,
      protocols: [{ name: 'range', metadata: subscription }],
    });
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = joined.memberId;
    assertNone(joined.errorCode);
    this.memberId = joined.memberId;
    this.generationId = joined.generationId;
    const isLeader = joined.leader === this.memberId;
    const counts = isLeader ? await this.topics(client) : known;
    const assignments = isLeader
      ? shareOut(joined.protocolName, joined.members, (topic) => counts.get(topic) ?? 0)
      : [];
    const synced = await this.ask(client, syncGroup, 3, { ...this.identity, groupId: GROUP, assignments });
    assertNone(synced.errorCode);
    const places = assignedPartitions(CONSUMER_PROTOCOL, synced.assignment);
    this.world.given(this.identity, places);
    return Promise.all(places.map((place) => this.begin(client, place)));
  }

  /** Partitions of the topics it might read, by name. */
  private async topics(client: RawClient): Promise<Map<string, number>> {
    const { topics } = await this.ask(client, metadata, 9, { topics: null });
    const own = topics.filter(({ name }) => name!.startsWith(PREFIX));
    return new Map(own.map(({ name, partitions }) => [name!, partitions.length]));
  }

  private async begin(client: RawClient, { topic, partition }: Omit<Place, 'position'>): Promise<Place> {
    const asked = { groupId: GROUP, topics: [{ name: topic, partitions: [partition] }], requireStable: true };
    const [told] = (await this.ask(client, offsetFetch, 7, asked)).topics[0]!.partitions;
    assertNone(told!.errorCode);
    if (told!.committedOffset >= 0) return { topic, partition, position: told!.committedOffset };
    const partitions = [{ index: partition, timestamp: EARLIEST }];
    const [found] = (await this.ask(client, listOffsets, 5, { topics: [{ name: topic, partitions }] }))
      .topics[0]!.partitions;
    assertNone(found!.errorCode);
    return { topic, partition, position: found!.offset };
  }

  /** Until a round begins, or there is something new to read. */
  private async work(client: RawClient, places: readonly Place[]): Promise<void> {
    const known = [...(await this.topics(client))].join();
    while (this.works) {
      assertNone((await this.ask(client, heartbeat, 3, { groupId: GROUP, ...this.identity })).errorCode);
      for (const place of places) await this.read(client, place);
      await this.commit(client, places);
      if (this.hasPattern && known !== [...(await this.topics(client))].join()) return;
      await sleep(5);
    }
  }

  private async read(client: RawClient, place: Place): Promise<void> {
    const { topic: name, partition: index, position: fetchOffset } = place;
    const partitions = [{ index, fetchOffset, maxBytes: 10_000 }];
    const answer = await this.ask(client, fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ name, partitions }],
    });
    const { errorCode, records } = answer.topics[0]!.partitions[0]!;
    assertNone(errorCode);
    for (let left = records!; left.length > 0; left = left.subarray(firstBatchBytes(left))) {
      const batch = left.subarray(0, firstBatchBytes(left));
      // A batch begins with its key.
      for (const { offset, value } of messagesOfBatch(place, batch.subarray(0, 8), batch)!) {
        if (offset < place.position) continue;
        this.world.delivered.add(value as number);
        place.position = offset + 1;
      }
    }
  }

  private async commit(client: RawClient, places: readonly Place[]): Promise<void> {
    const topics = places.map(({ topic: name, partition: index, position: committedOffset }) => ({
      name,
      partitions: [{ index, committedOffset, metadata: null }],
    }));
    const answer = await this.ask(client, offsetCommit, 7, { groupId: GROUP, ...this.identity, topics });
    for (const [i, { partitions }] of answer.topics.entries()) {
      assertNone(partitions[0]!.errorCode);
      const { topic, partition, position } = places[i]!;
      this.world.acknowledged(topic, partition, position);
    }
  }

  private async sayGoodbye(client: RawClient): Promise<void> {
    const { memberId, instanceId: groupInstanceId } = this;
    await this.ask(client, leaveGroup, 3, { groupId: GROUP, members: [{ memberId, groupInstanceId }] });
  }
}

function assertNone(errorCode: number): void {
  if (errorCode !== ErrorCode.NONE) throw new Refused(errorCode);
}
