import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';
import { GenRocksContext } from './genrocks.context.js';

/**
 * Keeps the error of an event handler for its group. Nest's own filter replaces it with "Internal server error", which is
 * useless to the retry policy and in a dead letter.
 * @internal
 */
@Injectable()
export class FailureRecorder implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const context: unknown = execution.getType() === 'rpc' ? execution.switchToRpc().getContext() : undefined;
    if (!(context instanceof GenRocksContext)) return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        context.failure = { error };
        return throwError(() => error);
      }),
    );
  }
}
