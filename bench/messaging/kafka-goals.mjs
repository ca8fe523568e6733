/** The sections of bench:kafka, and what its results must reach. */
import { number } from './rounds.mjs';

export const produceTitle = (bytes) => `Produce, ${bytes} B, acknowledged`;
export const consumeTitle = (bytes) => `Consume a backlog, ${bytes} B`;
export const START = 'First message in a test';
const OURS = 'GenRocks, ';
/** The size whose share of the disk's bandwidth is asked for. */
const SHARE_OF_BYTES = 1024;

const best = (rows) => [...rows].sort((a, b) => b.perSecond - a.perSecond)[0];
const bytesOf = (row) => Number(/(\d+) B/.exec(row.section)[1]);
const nameOf = (row) => `${bytesOf(row)} B, ${row.name.slice(OURS.length)}`;

/**
 * Batching clients against the best of the others that syncs before it acknowledges, kafkajs against the best of all.
 * @param isDurable (row) -> whether it is such a one
 */
export function besideOthers(results, bytes, isDurable) {
  const goals = [];
  for (const [section, times] of [
    [produceTitle(bytes), 10],
    [consumeTitle(bytes), 5],
  ]) {
    const rows = results.filter((row) => row.section === section);
    const ours = (client) => best(rows.filter(({ name }) => name.startsWith(`${OURS}${client}`)));
    const others = rows.filter(({ name }) => !name.startsWith(OURS));
    const against = (rival, mine, client, must) =>
      goals.push({
        name: `${section}: ${client}, times ${rival?.name ?? 'others'}`,
        value: rival && mine && mine.perSecond / rival.perSecond,
        must,
        unit: ' x',
      });
    const durable = best(others.filter(isDurable));
    against(durable, ours('librdkafka'), 'kcat', times);
    const performance = ours('rdkafka_performance');
    // It is for producing only.
    if (performance !== undefined) against(durable, performance, 'rdkafka_performance', times);
    against(best(others), ours('kafkajs'), 'kafkajs', 1);
  }
  return goals;
}

const withDisk = (results) => results.filter(({ newSpace }) => newSpace > 0);

export function shareOfDisk(results) {
  return withDisk(results)
    .filter((row) => bytesOf(row) === SHARE_OF_BYTES)
    .flatMap((row) => [
      shareGoal(row, 'new space', row.shareOfNewSpace),
      shareGoal(row, 'space written before', row.shareOfWrittenBefore),
    ]);
}

function shareGoal(row, where, value) {
  return {
    name: `${nameOf(row)}: share of the disk's durable bandwidth into ${where}`,
    value,
    must: 40,
    unit: ' %',
  };
}

export function diskLines(results) {
  return withDisk(results).map(
    (row) =>
      `- ${nameOf(row)}: ${number((row.perSecond * bytesOf(row)) / 1e6)} MB/s of messages,` +
      ` ${number(row.bytesPerSync / 1024)} KiB a sync; a plain loop of write and fdatasync with as much a sync:` +
      ` ${number(row.newSpace)} MB/s into new space, ${number(row.writtenBefore)} MB/s into space written before`,
  );
}

export function startGoal(results) {
  return {
    name: 'first message through an embedded broker',
    value: results.find(({ section }) => section === START)?.p50,
    must: 300,
    unit: ' ms',
    atMost: true,
  };
}
