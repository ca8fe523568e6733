import { ApiProperty, ApiPropertyOptional } from '../docs/api.decorators.js';
import { IsDefined, IsInt, IsString, Max, Min } from 'class-validator';
import { MAX_PARTITIONS } from '../config/topic.config.js';

/** Body of `POST /v1/topics/{topic}/partitions`. */
export class AddPartitionsDto {
  @ApiProperty({ example: 8, description: 'The new number of partitions; it can only grow' })
  @IsDefined()
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  total!: number;
}

/** Query of `GET /v1/topics/{topic}/offsets`. */
export class OffsetsQuery {
  @ApiPropertyOptional({
    default: 'latest',
    example: '2026-01-31T12:00:00Z',
    description:
      'earliest, latest, an offset, or a time; outside the retained range it means the nearest end',
  })
  @IsString()
  at: string = 'latest';
}

export class PartitionOffsetDto {
  @ApiProperty({ example: 0 })
  partition!: number;

  @ApiProperty({ example: 42 })
  offset!: number;
}

export class OffsetsDto {
  @ApiProperty({ example: 'orders' })
  topic!: string;

  @ApiProperty({ type: [PartitionOffsetDto] })
  offsets!: PartitionOffsetDto[];
}
