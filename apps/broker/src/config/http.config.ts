import { IsSize } from '@genrocks/storage/config';
import { IsInt, IsNotEmpty, IsString, Max, Min } from 'class-validator';

const MB = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** `http`: the HTTP listener and its limits. Sizes in bytes, times in milliseconds. */
export class HttpConfig {
  /** Address to listen on. The default is only reachable from this machine. */
  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  /** Port to listen on; 0 picks a free one. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 3000;

  /** Largest JSON body. NDJSON bodies have no total limit. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxBodyBytes = 10 * MB;

  /** Longest line of an NDJSON body. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxLineBytes = 10 * MB;

  /** Request bodies held at once, for all clients together; further ones wait unread on their sockets. */
  @IsSize({ min: MB })
  maxInflightBytes = 64 * MB;

  /** Open connections; further ones are dropped. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxConnections = 16_384;

  /** The headers of a request must be complete within this time. */
  @IsInt()
  @Min(100)
  @Max(HOUR_MS)
  headersTimeoutMs = 15_000;

  /** A JSON body must be complete within this time; an NDJSON body must not pause longer. */
  @IsInt()
  @Min(100)
  @Max(HOUR_MS)
  bodyTimeoutMs = 30_000;

  /** An idle connection is closed after this time. */
  @IsInt()
  @Min(100)
  @Max(HOUR_MS)
  keepAliveTimeoutMs = 72_000;

  /** Largest `wait_ms` that a reader may ask for. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  maxWaitMs = 60_000;

  /** Largest `max_bytes` that a reader may ask for. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxReadBytes = 10 * MB;

  /** Interval of comments on a silent event stream, which make proxies keep it open. */
  @IsInt()
  @Min(100)
  @Max(HOUR_MS)
  heartbeatMs = 15_000;

  /** Time for requests in flight to finish when the broker stops. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  shutdownTimeoutMs = 10_000;
}
