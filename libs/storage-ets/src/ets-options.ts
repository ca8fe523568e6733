import { IsSize } from '@genrocks/storage/config';
import { IsBoolean, IsOptional } from 'class-validator';

/** Options of the in-memory adapter. */
export class EtsOptions {
  /**
   * Bytes that all stores of the adapter may take together, as a number or such as `512MB`; a write beyond that is
   * refused with `NO_SPACE`, while reads, deletes and truncation go on. Default: no limit but the process's own.
   */
  @IsOptional()
  @IsSize({ min: 1024 })
  maxBytes?: number | string;

  /** Do not warn where `NODE_ENV` is `production`, because losing the data with the process is fine. Default false. */
  @IsOptional()
  @IsBoolean()
  allowInProduction?: boolean;
}

/** Settings of a single store (`OpenStoreOptions.settings`). */
export class EtsStoreSettings {
  /** Bytes that this store may take, within those of the adapter. Default: no limit of its own. */
  @IsOptional()
  @IsSize({ min: 1024 })
  maxBytes?: number | string;
}
