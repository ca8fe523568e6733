// A consumer of kafkajs that is to be killed. Usage: kafkajs-member.mjs {"bootstrap","group","topic","clientId"}
// Tells a line of JSON when it has joined, and one for every message, before its offset is committed.
// A line on its standard input, or the end of it, has it leave.
import { writeSync } from 'node:fs';
import process from 'node:process';
import kafkajs from 'kafkajs';

const { bootstrap, group, topic, clientId } = JSON.parse(process.argv[2]);

/** @param {unknown[]} fact */
const tell = (...fact) => writeSync(1, `${JSON.stringify(fact)}\n`);

const kafka = new kafkajs.Kafka({
  clientId,
  brokers: [bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1_000 },
});
const consumer = kafka.consumer({
  groupId: group,
  sessionTimeout: 2_000,
  heartbeatInterval: 200,
  rebalanceTimeout: 5_000,
  maxWaitTimeInMs: 50,
});
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
  tell('joined', payload.memberAssignment[topic] ?? []),
);
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommitInterval: 100,
  eachMessage: async ({ message, partition }) => {
    const { key, value, offset } = message;
    // By the clock all processes share, in microseconds.
    const at = Number(process.hrtime.bigint() / 1000n);
    tell('message', partition, Number(offset), key.toString(), JSON.parse(value.toString()), at);
  },
});
process.stdin.once('data', leave).once('end', leave);

let leaving = false;
async function leave() {
  if (leaving) return;
  leaving = true;
  await consumer.disconnect();
  process.exit(0);
}
