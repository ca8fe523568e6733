import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.js';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

const topic = fc.string({ maxLength: 30 });
const topics = fc.uniqueArray(topic, { maxLength: 5 });
const partition = fc.integer({ min: 0, max: 0x7fffffff });
const shares = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,5}$/),
  fc.array(partition, { minLength: 1, maxLength: 4 }),
  { maxKeys: 4 },
);
const placesOf = (share: Record<string, number[]>) =>
  Object.entries(share).flatMap(([name, partitions]) =>
    partitions.map((index) => ({ topic: name, partition: index })),
  );
const version = fc.constantFrom(0, 1, 2, 3);

describe('the bytes members of the type consumer exchange', () => {
  it('say what a member subscribes to and owns, as far as their version has a place for it', () => {
    fc.assert(
      fc.property(
        topics,
        shares,
        fc.integer({ min: -1, max: 0x7fffffff }),
        version,
        (names, share, generation, v) => {
          const owned = placesOf(share);
          const bytes = encodeSubscription({ topics: names, owned, generation }, v);
          expect(decodeSubscription(bytes)).toEqual({
            topics: names,
            userData: null,
            owned: v >= 1 ? owned : [],
            generation: v >= 2 ? generation : -1,
          });
          expect(MemberMetadata.decode(bytes)).toMatchObject({ version: v, topics: names });
        },
      ),
    );
  });

  it('are those of kafkajs, both ways', () => {
    fc.assert(
      fc.property(topics, shares, (names, share) => {
        const userData = Buffer.from('u');
        const subscription = MemberMetadata.encode({ version: 1, topics: names, userData });
        expect(decodeSubscription(subscription)).toEqual({
          topics: names,
          userData,
          owned: [],
          generation: -1,
        });
        const assignment = MemberAssignment.encode({ version: 0, assignment: share, userData });
        expect(decodeAssignment(assignment)).toEqual(placesOf(share));
        expect(MemberAssignment.decode(encodeAssignment(placesOf(share)))?.assignment).toEqual(share);
      }),
    );
  });

  it('may be anything: what cannot be read is nothing, and no bytes are an empty assignment', () => {
    expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
    const huge = Buffer.from([0, 1, 0x7f, 0xff, 0xff, 0xff]);
    expect([decodeSubscription(huge), decodeAssignment(huge)]).toEqual([undefined, undefined]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeSubscription(Buffer.from(bytes));
        decodeAssignment(Buffer.from(bytes));
      }),
    );
  });
});
