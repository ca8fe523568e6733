import { offsetOf, TopicsService } from '@genrocks/topics';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '../docs/api.decorators.js';
import { CheckPipe } from '../http/check.pipe.js';
import { requirePlace } from '../http/place.js';
import { ApiProblems } from '../http/problem.dto.js';
import { runningPartitions } from './running-partitions.js';
import { viewTopic } from './topic.view.js';
import { AddPartitionsDto, OffsetsDto, OffsetsQuery } from './topic-state.dto.js';
import { TopicDto } from './topics.dto.js';

@ApiTags('topics')
@ApiProblems()
@ApiParam({ name: 'topic' })
@Controller('v1/topics/:topic')
export class TopicStateController {
  constructor(@Inject(TopicsService) private readonly topics: TopicsService) {}

  @Post('stop')
  @HttpCode(200)
  @ApiOperation({ summary: 'Close a topic and keep its messages; it stays stopped after a restart' })
  @ApiOkResponse({ type: TopicDto })
  async stop(@Param('topic') name: string): Promise<TopicDto> {
    await this.topics.stopTopic(name);
    return viewTopic(this.topics.listTopics().find((topic) => topic.name === name)!);
  }

  @Post('start')
  @HttpCode(200)
  @ApiOperation({ summary: 'Open a topic that was stopped' })
  @ApiOkResponse({ type: TopicDto })
  async start(@Param('topic') name: string): Promise<TopicDto> {
    // startTopic() creates a missing topic; this endpoint is for existing ones.
    this.topics.topic(name);
    return viewTopic(await (await this.topics.startTopic(name)).info());
  }

  @Post('partitions')
  @HttpCode(200)
  @ApiOperation({ summary: 'Add partitions up to `total`; from then on, keys may go to other partitions' })
  @ApiOkResponse({ type: TopicDto })
  async addPartitions(
    @Param('topic') name: string,
    @Body(new CheckPipe(AddPartitionsDto, 'body')) { total }: AddPartitionsDto,
  ): Promise<TopicDto> {
    return viewTopic(await (await this.topics.addPartitions(name, total)).info());
  }

  @Get('offsets')
  @ApiOperation({ summary: 'The offset of every partition at a position or time' })
  @ApiOkResponse({ type: OffsetsDto })
  async offsets(
    @Param('topic') topic: string,
    @Query(new CheckPipe(OffsetsQuery)) { at }: OffsetsQuery,
  ): Promise<OffsetsDto> {
    const place = requirePlace('at', at);
    const offsets = runningPartitions(this.topics.topic(topic)).map(async (partition) => ({
      partition: partition.index,
      offset: await offsetOf(partition, place),
    }));
    return { topic, offsets: await Promise.all(offsets) };
  }
}
