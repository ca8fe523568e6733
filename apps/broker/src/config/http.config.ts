import { IsSize } from '@genrocks/storage/config';
import { IsInt, IsNotEmpty, IsString, Max, Min } from 'class-validator';

const MB = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** `http`: the HTTP listener and what a client may cost it. Sizes in bytes, times in milliseconds. */
export class HttpConfig {
  /** Address to listen on. The default is reachable from this machine only. */
  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  /** Port to listen on; 0 takes a free one. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 3000;

  /** Largest JSON body. NDJSON bodies have no limit in total. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxBodyBytes = 10 * MB;

  /** Longest line of an NDJSON body. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxLineBytes = 10 * MB;

  /** Request bodies held at once, all clients together; more wait unread on their sockets. */
  @IsSize({ min: MB })
  maxInflightBytes = 64 * MB;

  /** Open connections; more are refused. */
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

  /** Longest wait that a reader may ask for with `wait_ms`. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  maxWaitMs = 60_000;

  /** Most bytes of messages in one answer. */
  @IsSize({ min: 1024, max: 1024 * MB })
  maxReadBytes = 10 * MB;

  /** An event stream with nothing to tell sends a comment this often, so that proxies keep it open. */
  @IsInt()
  @Min(100)
  @Max(HOUR_MS)
  heartbeatMs = 15_000;

  /** Requests in flight get this long to finish when the broker stops. */
  @IsInt()
  @Min(0)
  @Max(HOUR_MS)
  shutdownTimeoutMs = 10_000;
}
