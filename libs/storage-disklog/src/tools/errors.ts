import { StorageError } from '@genrocks/storage';

/** `NOT_A_LOG`: the directory does not exist, or contains neither a log nor partition directories. */
export class NotALogError extends StorageError {
  constructor(directory: string, reason: string) {
    const remedy = 'name a partition directory (partition_0), a topic directory, or a log_dir';
    super('NOT_A_LOG', `${directory} ${reason}; ${remedy}`, false, { details: { directory } });
  }
}

/** `TARGET_NOT_EMPTY`: writing there would mix with, or replace, what exists. */
export class TargetNotEmptyError extends StorageError {
  constructor(directory: string, remedy: string) {
    super('TARGET_NOT_EMPTY', `${directory} exists already; ${remedy}`, false, { details: { directory } });
  }
}

/** `BACKUP_INVALID`: the backup is incomplete or was changed since it was made. Nothing was restored. */
export class BackupInvalidError extends StorageError {
  constructor(directory: string, problems: readonly string[]) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    const message = `${directory} is not a valid backup: ${problems[0]}${more}; nothing was restored, use another backup`;
    super('BACKUP_INVALID', message, false, { details: { directory, problems: problems.slice(0, 100) } });
  }
}

/**
 * `LOG_CHANGING`: the files of a live log changed faster than they could be opened. Nothing was copied; try again.
 */
export class LogChangingError extends StorageError {
  constructor(directory: string) {
    const remedy = 'try again, or give the log more or larger files (max_no_files, max_no_bytes)';
    super(
      'LOG_CHANGING',
      `the files of ${directory} change faster than they can be opened; ${remedy}`,
      true,
      {
        details: { directory },
      },
    );
  }
}
