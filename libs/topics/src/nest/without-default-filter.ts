import type { ExternalContextCreator } from '@nestjs/core';

interface ExceptionsHandler {
  next(exception: unknown, host: unknown): unknown;
  invokeCustomFilters(exception: unknown, host: unknown): unknown;
}

interface FiltersContext {
  create(...args: unknown[]): ExceptionsHandler;
}

/**
 * The same contexts, but what no filter of the application answers is only thrown again: Nest's default filter would
 * write it to the log once more, without saying which message it was, beside the line of the group.
 *
 * Nest has no option for this, so it goes by how Nest 11 and 12 are built; where that is otherwise, the contexts stay as
 * they are, and the only harm is the second line.
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
