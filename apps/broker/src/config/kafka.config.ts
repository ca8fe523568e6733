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

  /** File of the certificates that sign those of clients. Needed where `clientAuth` is `required`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  ca?: string;

  /** Of the private key. */
  @IsOptional()
  @IsString()
  passphrase?: string;

  /** `required`: only clients with a certificate that `ca` has signed may connect. */
  @IsIn(['none', 'required'])
  clientAuth: 'none' | 'required' = 'none';
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

  @IsOptional()
  @ValidateNested()
  @Type(() => KafkaTlsConfig)
  tls?: KafkaTlsConfig;

  /** Who may connect, and what they may do, in snake_case. Default: everybody may do everything. */
  @IsOptional()
  @Allow()
  users?: readonly unknown[];
}
