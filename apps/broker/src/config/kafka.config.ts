import { IsSize } from '@genrocks/storage/config';
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

const KB = 1024;
const MB = 1024 * KB;
const HOUR_MS = 3_600_000;

/** `kafka.tls`: TLS for Kafka clients, from PEM files. */
export class KafkaTlsConfig {
  /** File of the private key. */
  @IsString()
  @IsNotEmpty()
  key!: string;

  /** File of the certificate and its intermediate certificates. */
  @IsString()
  @IsNotEmpty()
  cert!: string;

  /** File of the CA certificates that sign client certificates. Required unless `clientAuth` is `none`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  ca?: string;

  /** Decrypts the private key. */
  @IsOptional()
  @IsString()
  passphrase?: string;

  /** `required`: only clients with a certificate signed by `ca`; `requested`: also clients without one. */
  @IsIn(KAFKA_CLIENT_AUTH)
  clientAuth: KafkaClientAuth = 'none';
}

/** `kafka`: the listener for Kafka clients and its limits. Sizes in bytes, times in milliseconds. */
export class KafkaConfig {
  /** Whether to listen for Kafka clients. */
  @IsBoolean()
  enabled = true;

  /** Address to listen on. The default is only reachable from this machine. */
  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  /** Port to listen on; 0 picks a free one. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 9092;

  /** Host that clients are told to connect to. Default: the address the client connected to. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  advertisedHost?: string;

  /** Port that clients are told to connect to. Default: the port that was bound. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  advertisedPort?: number;

  /** Number of brokers that clients see, each with a listener of its own on `port`, `port + 1`, ... */
  @IsInt()
  @Min(1)
  @Max(100)
  brokers = 1;

  /** How long the first member of an empty group waits for others, as `group.initial.rebalance.delay.ms`. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  initialRebalanceDelayMs = 0;

  /** Open connections; further ones are closed immediately. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxConnections = 10_000;

  /** Largest request. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxRequestBytes = 64 * MB;

  /** Requests of all connections, and answers until clients have received them; not below `maxRequestBytes`. */
  @IsSize({ min: 64 * KB })
  maxInflightBytes = 256 * MB;

  /** Most bytes of records in one answer, whatever a fetch asks for. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxFetchBytes = 16 * MB;

  /** A client must send one request, or read one answer, within this time. */
  @IsInt()
  @Min(1)
  @Max(HOUR_MS)
  transferTimeoutMs = 30_000;

  /** A connection without a request is closed after this time. */
  @IsInt()
  @Min(1)
  @Max(24 * HOUR_MS)
  idleTimeoutMs = 600_000;

  /** Shortest session timeout a group member may ask for, as `group.min.session.timeout.ms`. */
  @IsInt()
  @Min(1)
  @Max(24 * HOUR_MS)
  minSessionTimeoutMs = 1_000;

  /** Longest session timeout a group member may ask for, as `group.max.session.timeout.ms`. */
  @IsInt()
  @Min(1)
  @Max(24 * HOUR_MS)
  maxSessionTimeoutMs = 1_800_000;

  /** Time for requests in flight to finish when the broker stops. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  shutdownTimeoutMs = 5_000;

  /** TLS settings. Default: unencrypted connections. */
  @IsOptional()
  @ValidateNested()
  @Type(() => KafkaTlsConfig)
  tls?: KafkaTlsConfig;

  /** Users and their rights, with keys in snake_case. Default: everybody may do everything. */
  @IsOptional()
  @Allow()
  users?: readonly unknown[];
}
