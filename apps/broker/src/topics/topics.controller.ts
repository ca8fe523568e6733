import { TopicsService } from '@genrocks/topics';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '../docs/api.decorators.js';
import type { FastifyReply } from 'fastify';
import { InvalidConfigError } from '@genrocks/storage';
import { brokerConfig } from '../config/broker.config.js';
import { toPublishingOptions } from '../config/publishing.config.js';
import { toTopicStorage } from '../config/topic-storage.js';
import { CheckPipe } from '../http/check.pipe.js';
import { InvalidRequestError } from '../http/http.errors.js';
import { ApiProblems } from '../http/problem.dto.js';
import { viewTopic } from './topic.view.js';
import { CreateTopicDto, TopicDto, TopicListDto } from './topics.dto.js';

const TOPIC = { name: 'topic', description: 'The name, percent-encoded ("shop/orders" is shop%2Forders)' };

@ApiTags('topics')
@ApiProblems()
@Controller('v1/topics')
export class TopicsController {
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List topics' })
  @ApiOkResponse({ type: TopicListDto })
  list(): TopicListDto {
    return { topics: this.topics.listTopics().map(viewTopic) };
  }

  @Post()
  @ApiOperation({ summary: 'Create a topic, or start one that was stopped' })
  @ApiCreatedResponse({ type: TopicDto })
  @ApiOkResponse({ type: TopicDto, description: 'The topic already exists in this shape' })
  async create(
    @Body(new CheckPipe(CreateTopicDto, 'body')) body: CreateTopicDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TopicDto> {
    const { name, partitions } = body;
    const storage = body.storage === undefined ? undefined : this.checkStorage(body.storage);
    const publishing = checked(() => toPublishingOptions(body, ''));
    const existed = this.topics.hasTopic(name);
    const topic = await this.topics.startTopic(name, { partitions, storage, ...publishing });
    reply.status(existed ? 200 : 201);
    return viewTopic(await topic.info());
  }

  @Get(':topic')
  @ApiOperation({ summary: 'Describe a topic and its partitions' })
  @ApiParam(TOPIC)
  @ApiOkResponse({ type: TopicDto })
  async describe(@Param('topic') name: string): Promise<TopicDto> {
    const described = this.topics.listTopics().find((topic) => topic.name === name);
    if (described?.state === 'stopped') return viewTopic(described);
    return viewTopic(await this.topics.topic(name).info());
  }

  @Delete(':topic')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a topic with all its messages and group offsets' })
  @ApiParam(TOPIC)
  @ApiNoContentResponse()
  async delete(@Param('topic') name: string): Promise<void> {
    await this.topics.deleteTopic(name);
  }

  @Post(':topic/truncate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Remove all messages; offsets continue where they were' })
  @ApiParam(TOPIC)
  @ApiOkResponse({ type: TopicDto })
  truncate(@Param('topic') name: string): Promise<TopicDto> {
    return this.upkeep(name, 'truncate');
  }

  @Post(':topic/optimize')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let the storage adapter reclaim space' })
  @ApiParam(TOPIC)
  @ApiOkResponse({ type: TopicDto })
  optimize(@Param('topic') name: string): Promise<TopicDto> {
    return this.upkeep(name, 'optimize');
  }

  @Post(':topic/sync')
  @HttpCode(200)
  @ApiOperation({ summary: 'Answer when everything published is on stable storage' })
  @ApiParam(TOPIC)
  @ApiOkResponse({ type: TopicDto })
  sync(@Param('topic') name: string): Promise<TopicDto> {
    return this.upkeep(name, 'sync');
  }

  private async upkeep(name: string, action: 'truncate' | 'optimize' | 'sync'): Promise<TopicDto> {
    const topic = this.topics.topic(name);
    await topic[action]();
    return viewTopic(await topic.info());
  }

  private checkStorage(tree: Record<string, unknown>) {
    return checked(() => toTopicStorage(tree, this.config.storage.adapter, 'storage'));
  }
}

/** Reports a configuration error in a request body as the client's mistake, not as one of the broker. */
function checked<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof InvalidConfigError) throw new InvalidRequestError(error.problems);
    throw error;
  }
}
