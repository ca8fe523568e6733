import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';

// Files of the libraries share their modules with those that ran before: each begins with the logger of Nest.
Logger.overrideLogger(new ConsoleLogger());
