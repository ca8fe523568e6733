import type { IncomingMessage } from 'node:http';
import { PartiallyPublishedError, type PublishMessage, TopicsService } from '@genrocks/topics';
import { Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiOperation,
  ApiParam,
  ApiTags,
  getSchemaPath,
} from '../docs/api.decorators.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { brokerConfig } from '../config/broker.config.js';
import { NDJSON_CONTENT_TYPE, reserve } from '../http/body-parsers.js';
import { discardRest } from '../http/body-reader.js';
import { InvalidRequestError } from '../http/http.errors.js';
import { HttpRuntime } from '../http/http-runtime.js';
import { ApiProblems } from '../http/problem.dto.js';
import { PartialBatchError, publishLines, type Receipt, ReceiptCounter } from './bulk-publisher.js';
import { parseMessage } from './message.parser.js';
import {
  BatchReceiptDto,
  PublishBatchDto,
  PublishMessageDto,
  PublishedDto,
  ReceiptDto,
} from './messages.dto.js';
import { readLines } from './ndjson.js';

/** Most messages in one `{"messages": [...]}` body; use NDJSON for more. */
const MAX_BATCH_MESSAGES = 100_000;

@ApiTags('messages')
@ApiProblems()
@Controller('v1/topics/:topic/messages')
export class PublishController {
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HttpRuntime) private readonly runtime: HttpRuntime,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  @Post()
  @HttpCode(201)
  @ApiOperation({
    summary: 'Publish',
    description:
      'One message, {"messages": [...]}, or NDJSON with one message per line. Answered once everything is as durable ' +
      'as the storage promises. NDJSON is stored while it arrives; if it stops at a line, the problem names the line ' +
      'and `details.acknowledged` says what was stored before it.',
  })
  @ApiParam({ name: 'topic' })
  @ApiConsumes('application/json', NDJSON_CONTENT_TYPE)
  @ApiExtraModels(PublishMessageDto, PublishBatchDto, PublishedDto, BatchReceiptDto, ReceiptDto)
  @ApiBody({
    schema: { oneOf: [{ $ref: getSchemaPath(PublishMessageDto) }, { $ref: getSchemaPath(PublishBatchDto) }] },
  })
  @ApiCreatedResponse({
    schema: {
      oneOf: [PublishedDto, BatchReceiptDto, ReceiptDto].map((dto) => ({ $ref: getSchemaPath(dto) })),
    },
  })
  async publish(
    @Param('topic') name: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PublishedDto | BatchReceiptDto | Receipt> {
    const type = request.headers['content-type'] ?? '';
    if (type.startsWith(NDJSON_CONTENT_TYPE)) return this.publishStream(name, request, reply);
    const messages = parseBody(request.body);
    const topic = await this.topics.resolveTopic(name);
    if (!Array.isArray(messages)) return topic.publish(messages);
    const results = await topic.publishBatch(messages).catch((error: unknown) => {
      throw error instanceof PartiallyPublishedError ? new PartialBatchError(topic.name, error) : error;
    });
    const counter = new ReceiptCounter();
    counter.add(results);
    return { ...counter.receipt(topic.name), results };
  }

  private async publishStream(name: string, request: FastifyRequest, reply: FastifyReply): Promise<Receipt> {
    const body = request.body as IncomingMessage;
    const { maxLineBytes, bodyTimeoutMs } = this.config.http;
    try {
      await reserve(request, this.runtime.adapter.uploads, 2 * STREAM_CHUNK_BYTES, bodyTimeoutMs);
      const topic = await this.topics.resolveTopic(name);
      const lines = readLines(body, { maxLineBytes, pauseMs: bodyTimeoutMs });
      return await publishLines(topic.name, lines, (messages) => topic.publishBatch(messages));
    } catch (error) {
      reply.header('connection', 'close');
      discardRest(body, bodyTimeoutMs);
      throw error;
    }
  }
}

/** Size of a network chunk, which an upload holds in memory. */
const STREAM_CHUNK_BYTES = 64 * 1024;

/** Parses one message, or the list of a `{"messages": [...]}` body. */
function parseBody(body: unknown): PublishMessage | PublishMessage[] {
  const problems: string[] = [];
  const list = isBatch(body) ? body.messages : undefined;
  if (body === undefined) problems.push('body: a message is required (content-type: application/json)');
  else if (list === undefined) {
    const message = parseMessage(body, '', problems);
    if (message !== undefined) return message;
  } else {
    const messages = parseBatch(body as Record<string, unknown>, list, problems);
    if (problems.length === 0) return messages;
  }
  throw new InvalidRequestError(problems);
}

function parseBatch(body: Record<string, unknown>, list: unknown, problems: string[]): PublishMessage[] {
  const others = Object.keys(body).filter((key) => key !== 'messages');
  for (const key of others) problems.push(`${key}: unknown field; allowed is messages`);
  if (!Array.isArray(list)) {
    problems.push('messages: must be a list of messages');
    return [];
  }
  if (list.length > MAX_BATCH_MESSAGES) {
    problems.push(
      `messages: has ${list.length} items, but at most ${MAX_BATCH_MESSAGES} are allowed; send NDJSON`,
    );
    return [];
  }
  const messages: PublishMessage[] = [];
  for (const [index, item] of list.entries()) {
    const message = parseMessage(item, `messages[${index}]`, problems);
    if (message !== undefined) messages.push(message);
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return messages;
}

/** Most problems in one answer; more would not help to find a mistake. */
const MAX_PROBLEMS = 100;

function isBatch(body: unknown): body is { messages: unknown } {
  return typeof body === 'object' && body !== null && 'messages' in body;
}
