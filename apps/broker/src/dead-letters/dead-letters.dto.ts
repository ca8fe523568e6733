import { ApiProperty, ApiPropertyOptional } from '../docs/api.decorators.js';
import { IsBoolean, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { MAX_LIMIT, MessageDto } from '../messages/messages.dto.js';

/** Selects dead letters; all given conditions must hold. */
export class DeadLetterFilterDto {
  @ApiPropertyOptional({ description: 'Only from this topic' })
  @IsOptional()
  @IsString()
  topic?: string;

  @ApiPropertyOptional({ description: 'Only from this group' })
  @IsOptional()
  @IsString()
  group?: string;

  @ApiPropertyOptional({ description: 'Only with this key' })
  @IsOptional()
  @IsString()
  key?: string;

  @ApiPropertyOptional({ description: 'Only given up at this time or later, in milliseconds since 1970' })
  @IsOptional()
  @IsInt()
  since?: number;

  @ApiPropertyOptional({ description: 'Only given up before this time, in milliseconds since 1970' })
  @IsOptional()
  @IsInt()
  until?: number;
}

/** Query of `GET /v1/topics/{topic}/dead-letters`. */
export class DeadLettersQuery extends DeadLetterFilterDto {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_LIMIT, default: 100 })
  @IsInt()
  @Min(1)
  @Max(MAX_LIMIT)
  limit: number = 100;
}

/** Body of `POST /v1/topics/{topic}/redrive`. */
export class RedriveDto extends DeadLetterFilterDto {
  @ApiPropertyOptional({ description: 'Maximum number. Default: all' })
  @IsOptional()
  @IsInt()
  @Min(1)
  limit?: number;

  @ApiPropertyOptional({ description: 'Publish to this topic. Default: where each came from' })
  @IsOptional()
  @IsString()
  to?: string;

  @ApiPropertyOptional({ name: 'dry_run', default: false, description: 'Only count, change nothing' })
  @IsBoolean()
  dryRun: boolean = false;
}

/** Why a dead letter was not put back. */
export class RedriveProblemDto {
  @ApiProperty({ description: 'Position of the dead letter' })
  partition!: number;

  @ApiProperty()
  offset!: number;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The topic it came from, according to its headers; null if they cannot be read',
  })
  topic!: string | null;

  @ApiProperty({ example: 'TOPIC_NOT_FOUND' })
  code!: string;

  @ApiProperty()
  reason!: string;
}

export class RedriveResultDto {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ description: 'Messages that were, or with dry_run would be, put back' })
  redriven!: number;

  @ApiProperty({ description: 'Matching dead letters that cannot be put back; they stay' })
  skipped!: number;

  @ApiProperty({ type: [RedriveProblemDto], description: 'Why dead letters were skipped; the first 100' })
  problems!: readonly RedriveProblemDto[];
}

export class DeadLetterDto {
  @ApiProperty({ enum: ['message', 'bytes'] })
  kind!: string;

  @ApiProperty()
  reason!: string;

  @ApiProperty({ description: 'Code or class of the error' })
  error!: string;

  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'Numbers are null if the header holds no number',
  })
  partition!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  offset!: number | null;

  @ApiProperty({ example: 'billing' })
  group!: string;

  @ApiProperty({ type: Number, nullable: true, description: 'Failed attempts' })
  attempts!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  first_failed_at!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  last_failed_at!: number | null;

  @ApiProperty({ description: 'How often it was put back before it failed again' })
  redrives!: number;

  @ApiProperty({ description: 'Whether it has been put back since' })
  redriven!: boolean;

  @ApiProperty({ type: MessageDto, description: 'The dead letter itself, with its position' })
  message!: MessageDto;
}

export class DeadLetterListDto {
  @ApiProperty({ type: [DeadLetterDto] })
  dead_letters!: DeadLetterDto[];
}
