import { type GenRocksError, isGenRocksError } from '@genrocks/storage';

/** Topics of one request that are created, altered or deleted concurrently. */
export const PARALLEL_TOPICS = 16;

/**
 * Creates the topics of one request, which may name a hundred thousand. Once the limit on topics is reached, the
 * remaining ones are refused without being tried.
 */
export class TopicCreation {
  private isFull: GenRocksError | undefined;
  /** Topics that were only checked (`validate_only`). They count towards the limit as if they had been created. */
  planned = 0;

  /** @throws the error of `create`, or again the one that reported the limit */
  async run<T>(create: () => Promise<T>): Promise<T> {
    if (this.isFull !== undefined) throw this.isFull;
    try {
      return await create();
    } catch (error) {
      if (isGenRocksError(error, 'LIMIT_REACHED') && error.details.option === 'maxTopics')
        this.isFull = error;
      throw error;
    }
  }
}
