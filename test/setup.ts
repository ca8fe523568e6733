import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';

/**
 * Tests provoke thousands of warnings, so the log is off; `GENROCKS_TEST_LOGS=1` shows it. Spec files share modules with
 * those that ran before them in the same process, so each starts with the same logger.
 */
Logger.overrideLogger(process.env.GENROCKS_TEST_LOGS === '1' ? new ConsoleLogger() : false);
