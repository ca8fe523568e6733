import type { Logger } from '@nestjs/common';
import { isError } from '@genrocks/storage';
import { messageOf } from './errors.js';
import type { TopicsEvents } from './events.js';
import type { TopicsAdapters } from './options.js';
import type { TopicManager } from './topic-manager.js';

/** Logs the events that must not go unnoticed, whether or not the application listens. */
export function logEvents(events: TopicsEvents, logger: Logger): void {
  // Listeners here and in the application are not a leak, however many there are.
  events.setMaxListeners(0);
  events.onListenerError = (error) => logger.warn(`a listener of an event threw: ${messageOf(error)}`);
  logStorage(events, logger);
  logMessages(events, logger);
  logGroups(events, logger);
}

function logStorage(events: TopicsEvents, logger: Logger): void {
  events.on('storage-full', ({ adapter, error }) => {
    logger.warn(
      `storage ${adapter} is full: ${messageOf(error)} (logged once, however many writes are refused)`,
    );
  });
  events.on('storage-has-room', ({ adapter, refusals, ms }) => {
    logger.warn(
      `storage ${adapter} takes writes again, after ${refusals} refused in ${Math.round(ms / 1000)} s`,
    );
  });
  events.on('write-failed', ({ adapter, code, error, isNew }) => {
    // A full device is logged by `storage-full`.
    if (!isNew || code === 'NO_SPACE') return;
    logger.warn(
      `storage ${adapter} refuses writes with ${code}: ${messageOf(error)} (logged at most once a minute)`,
    );
  });
  events.on('deletion-unfinished', ({ topic, error }) => {
    logger.warn(
      `deletion of topic ${topic} could not be finished, the next start tries again: ${messageOf(error)}`,
    );
  });
  events.on('partition-failed', ({ topic, partition, error }) => {
    logger.warn(`${topic}/${partition} could not be opened: ${messageOf(error)}`);
  });
}

function logMessages(events: TopicsEvents, logger: Logger): void {
  events.on('handler-error', ({ group, topic, partition, offset, attempt, retryInMs, error }) => {
    const place = `${topic}/${partition} at offset ${offset}`;
    const then = retryInMs === null ? 'no retry' : `retry in ${retryInMs} ms`;
    const line = `group ${group}, ${place}: try ${attempt} failed, ${then}: ${messageOf(error)}`;
    logger.error(line, isError(error) ? error.stack : undefined);
  });
  events.on('dead-letter', ({ group, topic, partition, offset, deadLetterTopic }) => {
    logger.warn(`group ${group}, ${topic}/${partition} at offset ${offset}: moved to ${deadLetterTopic}`);
  });
  events.on('message-dropped', ({ group, topic, partition, offset, error }) => {
    logger.error(
      `group ${group}, ${topic}/${partition} at offset ${offset}: skipped, there is no dead-letter topic: ${messageOf(error)}`,
    );
  });
  events.on('handler-timeout', ({ group, topic, partition, offset, timeoutMs }) => {
    const place = `${topic}/${partition} at offset ${offset}`;
    logger.warn(
      `group ${group}, ${place}: the handler has not returned within ${timeoutMs} ms, its signal aborts`,
    );
  });
}

function logGroups(events: TopicsEvents, logger: Logger): void {
  events.on('consumer-error', ({ group, topic, partition, error }) => {
    logger.warn(`group ${group}, ${topic}/${partition}: ${messageOf(error)}`);
  });
  events.on('member-expelled', ({ group, memberId, error }) => {
    logger.warn(`group ${group} goes on without member ${memberId}, which rejoins: ${messageOf(error)}`);
  });
  events.on('retention-lost', ({ group, topic, partition, from, to }) => {
    logger.warn(
      `group ${group} skips from offset ${from} to ${to} of ${topic}/${partition}: the records between were dropped`,
    );
  });
}

/** Logs the adapters in use, and the stores found there that no topic owns. */
export function logStart(
  logger: Logger,
  { default: standard, all }: TopicsAdapters,
  topics: Pick<TopicManager, 'list' | 'unregistered'>,
): void {
  const names = all.map(({ name, supports }) => `${name}${supports.durable ? '' : ' (not durable)'}`);
  logger.log(`${topics.list().length} topic(s) on ${names.join(', ')}; default ${standard.name}`);
  const { unregistered } = topics;
  if (unregistered.length === 0) return;
  const some = unregistered.slice(0, 5).map(({ topic, partition }) => `${topic}/${partition}`);
  logger.warn(
    `${unregistered.length} store(s) without a registered topic, such as ${some.join(', ')}; ` +
      'startTopic with their name adopts them',
  );
}
