import { IsBoolean, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';

/** `kafka`: the Kafka listener. Not available in this version, so `enabled: true` stops the start. */
export class KafkaConfig {
  @IsBoolean()
  enabled = false;

  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 9092;

  /** The address clients are told to connect to. Default: `host`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  advertisedHost?: string;

  /** Default: `port`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  advertisedPort?: number;
}
