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

  /** Opens the private key. */
  @IsOptional()
  @IsString()
  passphrase?: string;

  /** `required`: only clients with a certificate that `ca` has signed; `requested`: those without one too. */
  @IsIn(KAFKA_CLIENT_AUTH)
  clientAuth: KafkaClientAuth = 'none';
}

/** `kafka`: the listener for Kafka clients, and what they may cost it. Sizes in bytes, times in milliseconds. */
export class KafkaConfig {
  /** Listen for Kafka clients. */
  @IsBoolean()
  enabled = true;

  /** Address to listen on. The default is reachable from this machine only. */
  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  /** Port to listen on; 0 takes a free one. */
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
  @Max(HOUR_MS)
  initialRebalanceDelayMs = 0;

  /** Connections at once; more are closed as they come. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxConnections = 10_000;

  /** Largest request. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxRequestBytes = 64 * MB;

  /** Requests of all connections together, and answers until clients have them; not below `maxRequestBytes`. */
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

  /** Requests in flight get this long to finish when the broker stops. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  shutdownTimeoutMs = 5_000;

  /** Default: connections in the clear. */
  @IsOptional()
  @ValidateNested()
  @Type(() => KafkaTlsConfig)
  tls?: KafkaTlsConfig;

  /** Who may connect, and what they may do, in snake_case. Default: everybody may do everything. */
  @IsOptional()
  @Allow()
  users?: readonly unknown[];
}
