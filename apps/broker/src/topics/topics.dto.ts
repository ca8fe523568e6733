import { ApiProperty, ApiPropertyOptional } from '../docs/api.decorators.js';
import { Allow, IsDefined, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { COMPRESSIONS, PublishingConfig, ROUTINGS } from '../config/publishing.config.js';
import { MAX_PARTITIONS } from '../config/topic.config.js';

/** Body of `POST /v1/topics`. */
export class CreateTopicDto extends PublishingConfig {
  @ApiProperty({ example: 'orders', description: 'Letters, digits, ".", "_", "-"; "/" between segments' })
  @IsDefined()
  @IsString()
  name!: string;

  @ApiPropertyOptional({ example: 4, minimum: 1, maximum: MAX_PARTITIONS })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  partitions?: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    example: { adapter: 'disk_log', log_type: 'halt', max_no_bytes: '50MB' },
    description: 'adapter, and settings of that adapter for this topic only',
  })
  @IsOptional()
  @Allow()
  storage?: Record<string, unknown>;
}

export class PartitionErrorDto {
  @ApiProperty({ example: 'LOG_CORRUPT' })
  code!: string;

  @ApiProperty()
  message!: string;
}

export class PartitionDto {
  @ApiProperty({ example: 0 })
  partition!: number;

  @ApiProperty({ enum: ['open', 'failed', 'closed'] })
  state!: string;

  @ApiProperty({ example: 0, description: 'Earliest offset that can be read' })
  start_offset!: number;

  @ApiProperty({ example: 42, description: 'The offset the next message will get' })
  end_offset!: number;

  @ApiPropertyOptional({ type: PartitionErrorDto, description: 'Why the partition is not open' })
  error?: PartitionErrorDto;

  @ApiPropertyOptional({ example: 12_345, description: 'Bytes stored (in the description of one topic)' })
  bytes?: number;

  @ApiPropertyOptional({ example: 7, description: 'Entries stored (in the description of one topic)' })
  items?: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Information from the storage adapter: files, current file, last recovery',
  })
  storage?: Record<string, unknown>;
}

export class DedupDto {
  @ApiProperty({ example: 120_000, description: 'Milliseconds within which an id is stored only once' })
  window_ms!: number;

  @ApiProperty({ example: 100_000, description: 'Maximum number of remembered ids' })
  max_ids!: number;

  @ApiPropertyOptional({ example: 12_345, description: 'Remembered ids (in the description of one topic)' })
  ids?: number;

  @ApiPropertyOptional({ example: 0, description: 'Ids forgotten early because of max_ids' })
  forgotten?: number;
}

export class TopicDto {
  @ApiProperty({ example: 'orders' })
  name!: string;

  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ enum: ['starting', 'running', 'stopped', 'deleted'] })
  state!: string;

  @ApiProperty({ example: 'disk_log' })
  adapter!: string;

  @ApiProperty({ description: 'Whether an acknowledged message survives a crash' })
  durable!: boolean;

  @ApiProperty({ enum: [...ROUTINGS, 'custom'] })
  routing!: string;

  @ApiProperty({ enum: COMPRESSIONS })
  compression!: string;

  @ApiProperty({ example: 0, description: 'How long a batch waits for more messages, in milliseconds' })
  linger_ms!: number;

  @ApiPropertyOptional({
    type: DedupDto,
    description: 'The window of message ids; absent if there is none',
  })
  dedup?: DedupDto;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Settings of this topic only' })
  settings!: Record<string, unknown>;

  @ApiProperty({ example: 4 })
  partition_count!: number;

  @ApiProperty({ example: 1_750_000_000_000, description: 'Milliseconds since 1970' })
  created_at!: number;

  @ApiProperty({ type: [PartitionDto] })
  partitions!: PartitionDto[];
}

export class TopicListDto {
  @ApiProperty({ type: [TopicDto] })
  topics!: TopicDto[];
}
