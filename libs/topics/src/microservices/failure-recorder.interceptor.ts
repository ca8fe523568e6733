import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';
import { GenRocksContext } from './genrocks.context.js';

/**
 * Keeps the error of an event handler for its group: Nest's own filter makes "Internal server error" of it, which tells
 * neither the retry policy nor a dead letter anything.
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
