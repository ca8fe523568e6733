import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsDefined,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

/** Offsets in one commit. */
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

  @ApiProperty({ example: 42, description: 'The next offset to handle: one past the last one done' })
  @IsDefined()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  offset!: number;

  @ApiPropertyOptional({ description: 'Any text, kept as given' })
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
  @ApiProperty({ example: 3, description: 'Counts up whenever partitions change hands' })
  generation!: number;

  @ApiProperty({ example: 8, description: 'Messages not handled yet, all partitions together' })
  lag!: number;

  @ApiProperty({ type: [GroupMemberDto] })
  members!: GroupMemberDto[];

  @ApiProperty({ type: [GroupOffsetDto] })
  offsets!: GroupOffsetDto[];
}
