import { InvalidConfigError } from '@genrocks/storage';
import { checkOptions, type OptionsClass } from '@genrocks/storage/config';
import { Injectable, type PipeTransform } from '@nestjs/common';
import { InvalidRequestError } from './http.errors.js';

/**
 * Checks a query or a JSON body against a class with class-validator decorators. Names are in snake_case, unknown names are
 * refused, and all mistakes are reported at once.
 *
 * @example
 * read(@Query(new CheckPipe(ReadQuery)) query: ReadQuery) {}
 */
@Injectable()
export class CheckPipe<T extends object> implements PipeTransform<unknown, T> {
  constructor(
    private readonly target: OptionsClass<T>,
    private readonly where: 'query' | 'body' = 'query',
  ) {}

  transform(value: unknown): T {
    if (value === undefined && this.where === 'body') {
      throw new InvalidRequestError(['body: a JSON object is required (content-type: application/json)']);
    }
    try {
      return checkOptions(this.target, value, { naming: 'snake' });
    } catch (error) {
      if (error instanceof InvalidConfigError) throw new InvalidRequestError(error.problems);
      throw error;
    }
  }
}

/** Parses the partition number in a path. */
@Injectable()
export class PartitionPipe implements PipeTransform<string, number> {
  transform(value: string): number {
    if (/^\d{1,9}$/.test(value)) return Number(value);
    throw new InvalidRequestError([
      `partition: ${JSON.stringify(value)} is not allowed; a whole number from 0`,
    ]);
  }
}
