// kafka-topics.sh --bootstrap-server B (--create | --alter | --delete) --topic T [--partitions N], by kafkajs.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    'bootstrap-server': { type: 'string' },
    'replication-factor': { type: 'string', default: '1' },
    partitions: { type: 'string', default: '1' },
    topic: { type: 'string' },
    config: { type: 'string', multiple: true, default: [] },
    create: { type: 'boolean', default: false },
    alter: { type: 'boolean', default: false },
    delete: { type: 'boolean', default: false },
  },
});
const { topic } = options;
const partitions = Number(options.partitions);

function change(admin) {
  if (options.delete) return admin.deleteTopics({ topics: [topic] });
  if (options.alter) return admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
  const configEntries = options.config.map((entry) => {
    const [name, value] = entry.split('=');
    return { name, value };
  });
  const replicationFactor = Number(options['replication-factor']);
  return admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
  });
}

const admin = new Kafka({
  brokers: options['bootstrap-server'].split(','),
  logLevel: logLevel.ERROR,
}).admin();
try {
  await admin.connect();
  await change(admin);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await admin.disconnect();
}
