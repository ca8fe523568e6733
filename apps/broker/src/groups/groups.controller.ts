import { type GroupDescription, type GroupSummary, TopicsService } from '@genrocks/topics';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '../docs/api.decorators.js';
import { CheckPipe } from '../http/check.pipe.js';
import { InvalidRequestError } from '../http/http.errors.js';
import { ApiProblems } from '../http/problem.dto.js';
import { requirePlace } from '../http/place.js';
import {
  CommitOffsetsDto,
  GroupDto,
  GroupListDto,
  type GroupSummaryDto,
  ResetOffsetsDto,
  ResetOffsetsResultDto,
} from './groups.dto.js';

@ApiTags('groups')
@ApiProblems()
@Controller('v1/groups')
export class GroupsController {
  constructor(@Inject(TopicsService) private readonly topics: TopicsService) {}

  @Get()
  @ApiOperation({ summary: 'List consumer groups' })
  @ApiOkResponse({ type: GroupListDto })
  list(): GroupListDto {
    return { groups: this.topics.groups.list().map(viewSummary) };
  }

  @Get(':group')
  @ApiOperation({ summary: 'Describe a group: members, committed offsets, lag' })
  @ApiParam({ name: 'group' })
  @ApiOkResponse({ type: GroupDto })
  async describe(@Param('group') group: string): Promise<GroupDto> {
    return viewGroup(await this.topics.groups.describe(group));
  }

  @Delete(':group')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a group without members, with its offsets' })
  @ApiParam({ name: 'group' })
  @ApiNoContentResponse()
  async delete(@Param('group') group: string): Promise<void> {
    await this.topics.groups.delete(group);
  }

  @Post(':group/offsets')
  @HttpCode(200)
  @ApiOperation({ summary: 'Commit offsets; the first commit creates the group' })
  @ApiParam({ name: 'group' })
  @ApiOkResponse({ type: GroupDto })
  async commit(
    @Param('group') group: string,
    @Body(new CheckPipe(CommitOffsetsDto, 'body')) { offsets }: CommitOffsetsDto,
  ): Promise<GroupDto> {
    if (offsets.length === 0)
      throw new InvalidRequestError(['offsets: [] is not allowed; at least one offset']);
    for (const { topic, partition } of offsets) this.topics.topic(topic).partition(partition);
    await this.topics.groups.commitOffsets(group, offsets);
    return viewGroup(await this.topics.groups.describe(group));
  }

  @Post(':group/reset')
  @HttpCode(200)
  @ApiOperation({ summary: 'Move the committed offsets of a group without members' })
  @ApiParam({ name: 'group' })
  @ApiOkResponse({ type: ResetOffsetsResultDto })
  async reset(
    @Param('group') group: string,
    @Body(new CheckPipe(ResetOffsetsDto, 'body')) { to, dryRun, ...where }: ResetOffsetsDto,
  ): Promise<ResetOffsetsResultDto> {
    const place = requirePlace('to', to);
    const offsets = await this.topics.groups.resetOffsets(group, { ...where, to: place, dryRun });
    return { group, dry_run: dryRun, offsets };
  }
}

function viewSummary({ group, state, members, topics }: GroupSummary): GroupSummaryDto {
  return { group, state, member_count: members, topics: [...topics] };
}

function viewGroup(description: GroupDescription): GroupDto {
  const { group, state, topics, generation, lag } = description;
  return {
    group,
    state,
    member_count: description.members.length,
    topics: [...topics],
    generation,
    lag,
    members: description.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      member_id: memberId,
      instance_id: instanceId,
      client_id: clientId,
      client_host: clientHost,
      assignment: assignment.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] })),
    })),
    offsets: description.offsets.map((offset) => ({
      topic: offset.topic,
      partition: offset.partition,
      committed: offset.committed,
      metadata: offset.metadata,
      end_offset: offset.endOffset,
      lag: offset.lag,
      member_id: offset.memberId,
    })),
  };
}
