import { IsBoolean, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';

/** `kafka`: the listener for Kafka clients. */
export class KafkaConfig {
  @IsBoolean()
  enabled = true;

  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 9092;

  /** The host clients are told to connect to. Default: the address through which the client came. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  advertisedHost?: string;

  /** The port clients are told to connect to. Default: the one that was bound. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  advertisedPort?: number;
}
