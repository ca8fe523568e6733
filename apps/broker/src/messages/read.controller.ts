import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Partition, TopicsService } from '@genrocks/topics';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '../docs/api.decorators.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { brokerConfig } from '../config/broker.config.js';
import { reserve } from '../http/body-parsers.js';
import { CheckPipe, PartitionPipe } from '../http/check.pipe.js';
import { InvalidRequestError } from '../http/http.errors.js';
import { HttpRuntime } from '../http/http-runtime.js';
import { ApiProblems } from '../http/problem.dto.js';
import { BrokerMetrics } from '../metrics/broker-metrics.js';
import { viewLogEntry } from './log.view.js';
import { viewMessage } from './message.view.js';
import { LogPageDto, LogQuery, MessagePageDto, ReadQuery } from './messages.dto.js';

const MB = 1024 * 1024;

@ApiTags('messages')
@ApiProblems()
@ApiParam({ name: 'topic' })
@ApiParam({ name: 'partition', type: Number })
@Controller('v1/topics/:topic/partitions/:partition')
export class ReadController {
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HttpRuntime) private readonly runtime: HttpRuntime,
    @Inject(BrokerMetrics) private readonly metrics: BrokerMetrics,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  @Get('messages')
  @ApiOperation({ summary: 'Read messages from an offset, optionally waiting for them' })
  @ApiOkResponse({ type: MessagePageDto })
  async read(
    @Param('topic') name: string,
    @Param('partition', PartitionPipe) index: number,
    @Query(new CheckPipe(ReadQuery)) query: ReadQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MessagePageDto> {
    const { limit, waitMs } = query;
    const maxBytes = this.checkLimits(query);
    const partition = this.topics.topic(name).partition(index);
    const offset = toOffset(query.offset, partition);
    // Reserve memory only for an answer that is about to be built; waiting costs none.
    if (waitMs > 0) await partition.waitForData(offset, { waitMs, signal: this.runtime.signalFor(reply) });
    await reserve(request, this.runtime.adapter.answers, maxBytes, this.config.http.bodyTimeoutMs);
    const page = await partition.readMessages({ offset, limit, maxBytes });
    this.metrics.countConsumed(name, page.messages);
    return {
      topic: name,
      partition: index,
      messages: page.messages.map(viewMessage) as unknown as MessagePageDto['messages'],
      next_offset: page.nextOffset,
      start_offset: page.startOffset,
      end_offset: page.endOffset,
    };
  }

  @Get('log')
  @ApiOperation({
    summary: 'Read the log of the partition as storage keeps it',
    description:
      'Keys are base offsets (8 bytes, big-endian), values are record batches. Tombstones are included.',
  })
  @ApiOkResponse({ type: LogPageDto })
  async log(
    @Param('topic') name: string,
    @Param('partition', PartitionPipe) index: number,
    @Query(new CheckPipe(LogQuery)) { limit, skip }: LogQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LogPageDto> {
    const partition = this.topics.topic(name).partition(index);
    const { maxReadBytes, bodyTimeoutMs } = this.config.http;
    await reserve(request, this.runtime.adapter.answers, maxReadBytes, bodyTimeoutMs);
    const entries: LogPageDto['entries'] = [];
    let position = 0;
    let bytes = 0;
    let more = false;
    for await (const page of partition.readLog({ limit: skip + limit + 1 })) {
      for (const entry of page) {
        if (position++ < skip) continue;
        more = entries.length >= limit || bytes >= maxReadBytes;
        if (more) break;
        entries.push(viewLogEntry(entry));
        bytes += entry.key.length + (entry.type === 'put' ? entry.value.length : 0);
      }
      if (more) break;
      // An in-memory store returns pages synchronously: yield, so that a disconnect is noticed.
      await nextTurn();
      // Nobody waits for the answer, and its reservation has been released already.
      if (reply.raw.destroyed) break;
    }
    return { topic: name, partition: index, entries, next_skip: more ? skip + entries.length : null };
  }

  private checkLimits({ waitMs, maxBytes }: ReadQuery): number {
    const { maxWaitMs, maxReadBytes } = this.config.http;
    const problems: string[] = [];
    if (waitMs > maxWaitMs) {
      problems.push(`wait_ms: ${waitMs} is not allowed; at most ${maxWaitMs} (http.max_wait_ms)`);
    }
    if (maxBytes !== undefined && maxBytes > maxReadBytes) {
      problems.push(`max_bytes: ${maxBytes} is not allowed; at most ${maxReadBytes} (http.max_read_bytes)`);
    }
    if (problems.length > 0) throw new InvalidRequestError(problems);
    return maxBytes ?? Math.min(MB, maxReadBytes);
  }
}

/** Resolves the offset of a query: a number, `earliest` or `latest`. */
export function toOffset(text: string, partition: Partition): number {
  if (text === 'earliest') return partition.startOffset;
  return text === 'latest' ? partition.endOffset : Number(text);
}
