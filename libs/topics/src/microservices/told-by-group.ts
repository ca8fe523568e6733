import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { throwError } from 'rxjs';
import { GenRocksContext } from './genrocks.context.js';

const catchOthers = Object.getOwnPropertyDescriptor(BaseRpcExceptionFilter.prototype, 'catch')!
  .value as BaseRpcExceptionFilter['catch'];

/**
 * What no filter of the application answers is thrown again as it is where a group tells of it: Nest's default filter would
 * write it to the log once more, without saying which message it was, and make "Internal server error" of it.
 *
 * Nest has no option for this, and makes such a filter for every handler by itself; so it is asked here, in the class of
 * all of them, whose error it has. Those of other transports, and of requests, go their way.
 */
BaseRpcExceptionFilter.prototype.catch = function (error, host) {
  const context: unknown = host.getArgByIndex(1);
  if (context instanceof GenRocksContext && context.isToldByGroup) return throwError(() => error as unknown);
  return catchOthers.call(this, error, host);
};
