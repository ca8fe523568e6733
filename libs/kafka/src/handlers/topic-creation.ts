import { type GenRocksError, isGenRocksError } from '@genrocks/storage';

/** Topics of one request that are created, altered or deleted at the same time. */
export const PARALLEL_TOPICS = 16;

/**
 * Creates topics for one request, which may name a hundred thousand. Once there are as many topics as there may be,
 * those that follow are refused without being tried.
 */
export class TopicCreation {
  private isFull: GenRocksError | undefined;
  /** Topics that were checked and not created: they count as if they had been. */
  planned = 0;

  /** @throws what `create` throws */
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
