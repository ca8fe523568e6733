import { IsSize } from '@genrocks/storage/config';
import { IsBoolean, IsOptional } from 'class-validator';

/** Options of the in-memory adapter. */
export class EtsOptions {
  /**
   * Bytes that all stores of the adapter may take together, as a number or as text (`512MB`). A write beyond that is
   * refused with `NO_SPACE`; reads, deletes and truncation go on. Default: no limit.
   */
  @IsOptional()
  @IsSize({ min: 1024 })
  maxBytes?: number | string;

  /** Do not warn if `NODE_ENV` is `production`: losing the data with the process is fine. Default false. */
  @IsOptional()
  @IsBoolean()
  allowInProduction?: boolean;
}

/** Settings of a single store (`OpenStoreOptions.settings`). */
export class EtsStoreSettings {
  /** Bytes that this store may take; the limit of the adapter still applies. Default: no limit of its own. */
  @IsOptional()
  @IsSize({ min: 1024 })
  maxBytes?: number | string;
}
