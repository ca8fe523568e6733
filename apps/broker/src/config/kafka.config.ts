import { Type } from 'class-transformer';
import {
  Allow,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { KAFKA_CLIENT_AUTH, type KafkaClientAuth } from '@genrocks/kafka/config';

/** `kafka.tls`: TLS for Kafka clients, from files in PEM. */
export class KafkaTlsConfig {
  /** File of the private key. */
  @IsString()
  @IsNotEmpty()
  key!: string;

  /** File of the certificate, with those between it and the root. */
  @IsString()
  @IsNotEmpty()
  cert!: string;

  /** File of the certificates that sign those of clients. Needed unless `clientAuth` is `none`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  ca?: string;

  /** Of the private key. */
  @IsOptional()
  @IsString()
  passphrase?: string;

  /** `required`: only clients with a certificate that `ca` has signed; `requested`: those without one too. */
  @IsIn(KAFKA_CLIENT_AUTH)
  clientAuth: KafkaClientAuth = 'none';
}

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

  /** Brokers that clients see, each a listener of its own, on `port`, `port + 1`, ... */
  @IsInt()
  @Min(1)
  @Max(100)
  brokers = 1;

  /** How long the first member of an empty group waits for others, as `group.initial.rebalance.delay.ms`. */
  @IsInt()
  @Min(0)
  @Max(3_600_000)
  initialRebalanceDelayMs = 0;

  @IsOptional()
  @ValidateNested()
  @Type(() => KafkaTlsConfig)
  tls?: KafkaTlsConfig;

  /** Who may connect, and what they may do, in snake_case. Default: everybody may do everything. */
  @IsOptional()
  @Allow()
  users?: readonly unknown[];
}
