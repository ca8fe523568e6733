import { ApiProperty, ApiPropertyOptional } from '../docs/api.decorators.js';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { IsSize } from '@genrocks/storage/config';

/** Most messages or log entries in one answer. */
export const MAX_LIMIT = 10_000;

const ANY_JSON = {
  oneOf: [{ type: 'object' }, { type: 'array', items: {} }, { type: 'string' }, { type: 'number' }],
};

/** A message to publish. */
export class PublishMessageDto {
  @ApiPropertyOptional({ type: String, nullable: true, example: 'customer-7' })
  key?: string | null;

  @ApiPropertyOptional({ description: 'Instead of key: bytes in base64' })
  key_base64?: string;

  @ApiPropertyOptional({
    ...ANY_JSON,
    nullable: true,
    example: { id: 1 },
    description: 'Any JSON; null is a tombstone',
  })
  value?: unknown;

  @ApiPropertyOptional({ description: 'Instead of value: bytes in base64' })
  value_base64?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { source: 'shop' },
  })
  headers?: Record<string, string>;

  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  headers_base64?: Record<string, string>;

  @ApiPropertyOptional({ minimum: 0, description: 'Default: chosen by the routing of the topic' })
  partition?: number;

  @ApiPropertyOptional({ description: 'Milliseconds since 1970. Default: now' })
  timestamp?: number;

  @ApiPropertyOptional({
    example: 'order-7',
    description:
      'In a topic with dedup, a repeated id stores nothing and is answered with the position of the first message',
  })
  id?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  metadata?: Record<string, unknown>;
}

export class PublishBatchDto {
  @ApiProperty({ type: [PublishMessageDto] })
  messages!: PublishMessageDto[];
}

export class PublishResultDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ example: 2 })
  partition!: number;

  @ApiProperty({ example: 41 })
  offset!: number;

  @ApiProperty({ example: 1_750_000_000_000 })
  timestamp!: number;
}

export class PublishedDto extends PublishResultDto {
  @ApiPropertyOptional({
    description: 'The id was known: this is the position of the first message, and nothing was stored',
  })
  duplicate?: true;
}

export class PartitionReceiptDto {
  @ApiProperty({ example: 2 })
  partition!: number;

  @ApiProperty({ example: 1000 })
  count!: number;

  @ApiProperty({ example: 41 })
  first_offset!: number;

  @ApiProperty({ example: 1040 })
  last_offset!: number;
}

export class ReceiptDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ example: 1000, description: 'Messages acknowledged' })
  count!: number;

  @ApiPropertyOptional({
    example: 3,
    description: 'How many of them were stored before, according to their ids',
  })
  duplicates?: number;

  @ApiProperty({ type: [PartitionReceiptDto] })
  partitions!: PartitionReceiptDto[];
}

export class BatchReceiptDto extends ReceiptDto {
  @ApiProperty({ type: [PublishedDto], description: 'One for each message, in the order of the request' })
  results!: PublishedDto[];
}

const OFFSET = /^(earliest|latest|\d{1,15})$/;

/** Query of a read. */
export class ReadQuery {
  @ApiPropertyOptional({ example: '0', description: 'An offset, earliest, or latest', default: 'earliest' })
  @Matches(OFFSET, { message: 'a whole number from 0, earliest, or latest' })
  offset: string = 'earliest';

  @ApiPropertyOptional({ minimum: 1, maximum: MAX_LIMIT, default: 100 })
  @IsInt()
  @Min(1)
  @Max(MAX_LIMIT)
  limit: number = 100;

  @ApiPropertyOptional({
    name: 'wait_ms',
    minimum: 0,
    default: 0,
    description: 'Wait this long for a message if there is none; at most http.max_wait_ms',
  })
  @IsInt()
  @Min(0)
  waitMs: number = 0;

  @ApiPropertyOptional({
    name: 'max_bytes',
    type: String,
    example: '1MB',
    description: 'Stop after about this many bytes; at most http.max_read_bytes',
  })
  @IsOptional()
  @IsSize({ min: 1 })
  maxBytes?: number;
}

/** Query of an event stream. */
export class StreamQuery {
  @ApiPropertyOptional({
    description: 'Start at the committed offsets of this group. The stream commits nothing',
  })
  @IsOptional()
  @Matches(/^[^\0]{1,255}$/, { message: 'text of 1 to 255 characters' })
  group?: string;

  @ApiPropertyOptional({
    example: 'latest',
    default: 'latest',
    description: 'Where partitions without a committed offset start: earliest, latest, or an offset',
  })
  @Matches(OFFSET, { message: 'a whole number from 0, earliest, or latest' })
  from: string = 'latest';
}

/** Query of the log. */
export class LogQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_LIMIT, default: 100 })
  @IsInt()
  @Min(1)
  @Max(MAX_LIMIT)
  limit: number = 100;

  @ApiPropertyOptional({
    minimum: 0,
    default: 0,
    description: 'Entries to skip; they are read nevertheless',
  })
  @IsInt()
  @Min(0)
  skip: number = 0;
}

/** A message in the answer to a read, with its position. */
export class MessageDto extends PublishResultDto {
  @ApiPropertyOptional({ type: String, nullable: true, example: 'customer-7' })
  key?: string | null;

  @ApiPropertyOptional({ description: 'Instead of key, if it is not UTF-8' })
  key_base64?: string;

  @ApiPropertyOptional({ ...ANY_JSON, nullable: true, example: { id: 1 } })
  value?: unknown;

  @ApiPropertyOptional({ description: 'Instead of value, if it is not JSON' })
  value_base64?: string;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  headers!: Record<string, string>;

  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  headers_base64?: Record<string, string>;

  @ApiPropertyOptional({ example: 'order-7' })
  id?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  metadata?: Record<string, unknown>;
}

export class MessagePageDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ example: 2 })
  partition!: number;

  @ApiProperty({ type: [MessageDto] })
  messages!: MessageDto[];

  @ApiProperty({ example: 42, description: 'The offset to read next' })
  next_offset!: number;

  @ApiProperty({ example: 0, description: 'Earliest offset that can be read' })
  start_offset!: number;

  @ApiProperty({ example: 42, description: 'The offset the next message will get' })
  end_offset!: number;
}

export class LogEntryDto {
  @ApiProperty({ enum: ['put', 'delete'] })
  type!: string;

  @ApiPropertyOptional()
  key?: string;

  @ApiPropertyOptional({ description: 'Instead of key, if it is not UTF-8' })
  key_base64?: string;

  @ApiPropertyOptional()
  value?: string;

  @ApiPropertyOptional({ description: 'Instead of value, if it is not UTF-8' })
  value_base64?: string;

  @ApiProperty({ example: 1_750_000_000_000 })
  timestamp!: number;
}

export class LogPageDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ example: 2 })
  partition!: number;

  @ApiProperty({ type: [LogEntryDto], description: 'In the order in which they were written' })
  entries!: LogEntryDto[];

  @ApiProperty({
    type: Number,
    nullable: true,
    example: 100,
    description: 'skip of the next page; null at the end',
  })
  next_skip!: number | null;
}
