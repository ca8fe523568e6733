import { Readable } from 'node:stream';
import { type Partition, TopicsService } from '@genrocks/topics';
import { Controller, Get, Headers, Inject, Logger, Param, Query, Res, StreamableFile } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '../docs/api.decorators.js';
import type { FastifyReply } from 'fastify';
import { brokerConfig } from '../config/broker.config.js';
import { CheckPipe } from '../http/check.pipe.js';
import { InvalidRequestError } from '../http/http.errors.js';
import { HttpRuntime } from '../http/http-runtime.js';
import { toProblem } from '../http/problem.js';
import { ApiProblems } from '../http/problem.dto.js';
import { BrokerMetrics } from '../metrics/broker-metrics.js';
import { runningPartitions } from '../topics/running-partitions.js';
import { eventStream } from './event-stream.js';
import { StreamQuery } from './messages.dto.js';
import { toOffset } from './read.controller.js';

@ApiTags('messages')
@ApiProblems()
@Controller('v1/topics/:topic/stream')
export class StreamController {
  private readonly logger = new Logger(StreamController.name);

  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HttpRuntime) private readonly runtime: HttpRuntime,
    @Inject(BrokerMetrics) private readonly metrics: BrokerMetrics,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Follow all partitions of a topic as server-sent events',
    description:
      'The id of an event is partition:offset, and its data is a message. The stream commits nothing: a client commits ' +
      'handled offsets with POST /v1/groups/{group}/offsets, and a new stream with the group resumes there. ' +
      'Last-Event-ID sets the position of the partition it names; the others start at the committed offsets.',
  })
  @ApiParam({ name: 'topic' })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'partition:offset of the last event seen',
  })
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  stream(
    @Param('topic') name: string,
    @Query(new CheckPipe(StreamQuery)) query: StreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): StreamableFile {
    const seen = parseEventId(lastEventId);
    const cursors = runningPartitions(this.topics.topic(name)).map((partition) => ({
      partition,
      offset: seen?.partition === partition.index ? seen.offset + 1 : this.startOf(partition, query),
    }));
    const events = eventStream(cursors, {
      heartbeatMs: this.config.http.heartbeatMs,
      signal: this.runtime.signalFor(reply),
      onMessages: (messages) => this.metrics.countConsumed(name, messages),
    });
    reply.header('cache-control', 'no-cache, no-transform').header('x-accel-buffering', 'no');
    return new StreamableFile(Readable.from(this.withErrorEvent(events), { objectMode: false }), {
      type: 'text/event-stream; charset=utf-8',
    });
  }

  private startOf(partition: Partition, { group, from }: StreamQuery): number {
    if (group !== undefined) {
      const committed = this.topics.groups.committed(group, partition.topic, partition.index);
      if (committed !== null) return committed.offset;
    }
    return toOffset(from, partition);
  }

  /** Reports a failure as an event, because the status has been sent long before. */
  private async *withErrorEvent(events: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* events;
    } catch (error) {
      const problem = toProblem(error);
      this.metrics.countError(problem.code);
      if (problem.status === 500) this.logger.error(problem.detail, (error as Error).stack);
      yield `event: error\ndata: ${JSON.stringify(problem)}\n\n`;
    }
  }
}

function parseEventId(id: string | undefined): { partition: number; offset: number } | undefined {
  if (id === undefined || id === '') return undefined;
  const match = /^(\d{1,9}):(\d{1,15})$/.exec(id);
  if (match !== null) return { partition: Number(match[1]), offset: Number(match[2]) };
  throw new InvalidRequestError([`Last-Event-ID: ${JSON.stringify(id)} is not allowed; partition:offset`]);
}
