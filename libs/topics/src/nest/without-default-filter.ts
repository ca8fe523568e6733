import type { ExternalContextCreator } from '@nestjs/core';

interface ExceptionsHandler {
  next(exception: unknown, host: unknown): unknown;
  invokeCustomFilters(exception: unknown, host: unknown): unknown;
}

interface FiltersContext {
  create(...args: unknown[]): ExceptionsHandler;
}

/**
 * Contexts without Nest's default filter: an error that no filter of the application handles is rethrown. The default filter
 * would log it a second time, without naming the message.
 *
 * Nest has no option for this, so this relies on internals of Nest 11 and 12. If they are different, the contexts stay as
 * they are, and the only harm is the second log line.
 */
export function withoutDefaultFilter(contexts: ExternalContextCreator): ExternalContextCreator {
  const { filtersContextCreator: filters } = contexts as unknown as {
    filtersContextCreator?: FiltersContext;
  };
  if (typeof filters?.create !== 'function') return contexts;
  const create = (...args: unknown[]): Pick<ExceptionsHandler, 'next'> => {
    const handler = filters.create(...args);
    if (typeof handler.invokeCustomFilters !== 'function') return handler;
    return {
      next(exception, host) {
        const answer = handler.invokeCustomFilters(exception, host);
        if (answer === undefined) throw exception;
        return answer;
      },
    };
  };
  return Object.create(contexts, { filtersContextCreator: { value: { create } } }) as ExternalContextCreator;
}
