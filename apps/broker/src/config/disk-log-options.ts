import { IsSize } from '@genrocks/storage/config';
import { IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';

export class DiskLogStoreSettings {
  @IsOptional()
  @IsIn(['wrap', 'halt'])
  logType?: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_000)
  maxNoFiles?: number;

  @IsOptional()
  @IsSize({ min: 1024 })
  maxNoBytes?: number;

  @IsOptional()
  @IsIn(['always', 'interval', 'os'])
  sync?: string;
}

export class DiskLogOptions extends DiskLogStoreSettings {
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  logDir?: string;
}
