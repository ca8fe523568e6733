import { ApiProperty, ApiPropertyOptional } from '../docs/api.decorators.js';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsBoolean,
  IsDefined,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

/** Most offsets in one commit. */
const MAX_COMMITS = 10_000;

export class OffsetCommitDto {
  @ApiProperty({ example: 'orders' })
  @IsDefined()
  @IsString()
  topic!: string;

  @ApiProperty({ example: 2 })
  @IsDefined()
  @IsInt()
  @Min(0)
  partition!: number;

  @ApiProperty({ example: 42, description: 'The next offset to handle: one past the last handled one' })
  @IsDefined()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  offset!: number;

  @ApiPropertyOptional({ description: 'Any text, stored as given' })
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  metadata?: string;
}

/** Body of `POST /v1/groups/{group}/offsets`. */
export class CommitOffsetsDto {
  @ApiProperty({ type: [OffsetCommitDto] })
  @IsDefined()
  @ArrayMaxSize(MAX_COMMITS, { message: `a list of 1 to ${MAX_COMMITS} offsets` })
  @ValidateNested({ each: true })
  @Type(() => OffsetCommitDto)
  offsets!: OffsetCommitDto[];
}

/** Body of `POST /v1/groups/{group}/reset`. */
export class ResetOffsetsDto {
  @ApiProperty({
    example: 'earliest',
    description:
      'earliest, latest, an offset, or a time; outside the retained range it means the nearest end',
  })
  @IsDefined()
  @IsString()
  to!: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'Default: every topic for which the group has offsets',
  })
  @IsOptional()
  @ArrayMaxSize(MAX_COMMITS)
  @IsString({ each: true })
  topics?: string[];

  @ApiPropertyOptional({ description: 'Only this partition of the topics. Default: all' })
  @IsOptional()
  @IsInt()
  @Min(0)
  partition?: number;

  @ApiPropertyOptional({
    name: 'dry_run',
    default: false,
    description: 'Only return what would be committed',
  })
  @IsBoolean()
  dryRun: boolean = false;
}

export class ResetOffsetsResultDto {
  @ApiProperty({ example: 'billing' })
  group!: string;

  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({
    type: [OffsetCommitDto],
    description: 'Offsets that were committed, or would be with dry_run',
  })
  offsets!: OffsetCommitDto[];
}

export class GroupSummaryDto {
  @ApiProperty({ example: 'billing' })
  group!: string;

  @ApiProperty({ enum: ['empty', 'rebalancing', 'stable'] })
  state!: string;

  @ApiProperty({ example: 1 })
  member_count!: number;

  @ApiProperty({ type: [String] })
  topics!: string[];
}

export class GroupListDto {
  @ApiProperty({ type: [GroupSummaryDto] })
  groups!: GroupSummaryDto[];
}

export class AssignmentDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ type: [Number] })
  partitions!: number[];
}

export class GroupMemberDto {
  @ApiProperty()
  member_id!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The name of a static member' })
  instance_id!: string | null;

  @ApiProperty({ example: 'kafkajs', description: 'Name the member gives itself (client id)' })
  client_id!: string;

  @ApiProperty({ example: '/127.0.0.1', description: 'Address of the member' })
  client_host!: string;

  @ApiProperty({ type: [AssignmentDto] })
  assignment!: AssignmentDto[];
}

export class GroupOffsetDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ example: 2 })
  partition!: number;

  @ApiProperty({ type: Number, nullable: true, example: 42 })
  committed!: number | null;

  @ApiProperty({ example: '' })
  metadata!: string;

  @ApiProperty({ example: 50 })
  end_offset!: number;

  @ApiProperty({ example: 8 })
  lag!: number;

  @ApiProperty({ type: String, nullable: true })
  member_id!: string | null;
}

export class GroupDto extends GroupSummaryDto {
  @ApiProperty({ example: 3, description: 'Increases whenever partitions are reassigned' })
  generation!: number;

  @ApiProperty({ example: 8, description: 'Messages not handled yet, in all partitions together' })
  lag!: number;

  @ApiProperty({ type: [GroupMemberDto] })
  members!: GroupMemberDto[];

  @ApiProperty({ type: [GroupOffsetDto] })
  offsets!: GroupOffsetDto[];
}
