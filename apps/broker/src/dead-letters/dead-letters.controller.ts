import { type DeadLetter, TopicsService } from '@genrocks/topics';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '../docs/api.decorators.js';
import { type ConfigType } from '@nestjs/config';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { brokerConfig } from '../config/broker.config.js';
import { reserve } from '../http/body-parsers.js';
import { CheckPipe } from '../http/check.pipe.js';
import { HttpRuntime } from '../http/http-runtime.js';
import { ApiProblems } from '../http/problem.dto.js';
import { viewMessage } from '../messages/message.view.js';
import {
  DeadLetterListDto,
  type DeadLetterDto,
  DeadLettersQuery,
  RedriveDto,
  RedriveResultDto,
} from './dead-letters.dto.js';

@ApiTags('dead letters')
@ApiProblems()
@ApiParam({ name: 'topic', description: 'The dead-letter topic, such as orders.dlq' })
@Controller('v1/topics/:topic')
export class DeadLettersController {
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HttpRuntime) private readonly runtime: HttpRuntime,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  @Get('dead-letters')
  @ApiOperation({
    summary: 'List dead letters, oldest first, up to about http.max_read_bytes',
  })
  @ApiOkResponse({ type: DeadLetterListDto })
  async list(
    @Param('topic') topic: string,
    @Query(new CheckPipe(DeadLettersQuery)) filter: DeadLettersQuery,
    @Req() request: FastifyRequest,
  ): Promise<DeadLetterListDto> {
    const { maxReadBytes: maxBytes, bodyTimeoutMs } = this.config.http;
    await reserve(request, this.runtime.adapter.answers, maxBytes, bodyTimeoutMs);
    const letters = await this.topics.deadLetters.list(topic, { ...filter, maxBytes });
    return { dead_letters: letters.map(viewDeadLetter) };
  }

  @Post('redrive')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Put dead letters back where they came from, each once',
    description: 'Stops if the client disconnects; the next request puts back the rest.',
  })
  @ApiOkResponse({ type: RedriveResultDto })
  async redrive(
    @Param('topic') topic: string,
    @Body(new CheckPipe(RedriveDto, 'body')) options: RedriveDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RedriveResultDto> {
    const signal = this.runtime.signalFor(reply);
    const result = await this.topics.deadLetters.redrive(topic, { ...options, signal });
    return { dry_run: options.dryRun, ...result };
  }
}

function viewDeadLetter({ message, firstFailedAt, lastFailedAt, ...letter }: DeadLetter): DeadLetterDto {
  return {
    ...letter,
    first_failed_at: firstFailedAt,
    last_failed_at: lastFailedAt,
    message: viewMessage(message) as unknown as DeadLetterDto['message'],
  };
}
