import { SortedKeyMap } from '@genrocks/storage';
import { afterEach, beforeEach } from 'vitest';
import type { TopicOptions, TopicsOptions } from '../options.js';
import { ManualClock } from '../testing/manual-clock.js';
import type { Topic } from '../topic.js';
import type { MapDisk } from './map-adapter.js';
import { type Running, startService } from './service.js';

/**
 * A service with the topic `orders`, which deduplicates ids within a window, on a disk that outlives the
 * service.
 */
export class DedupWorld {
  static readonly WINDOW = 60_000;
  clock = new ManualClock();
  running!: Running;
  topic!: Topic;
  private disk: MapDisk = new Map();

  /** Starts on an empty disk, with the clock at its start. */
  async begin(topicOptions?: TopicOptions): Promise<void> {
    this.disk = new Map();
    this.clock = new ManualClock();
    await this.start(topicOptions);
  }

  async start(topicOptions: TopicOptions = {}, options: TopicsOptions = {}): Promise<void> {
    this.running = await startService({ clock: this.clock, tailCacheBytes: 0, ...options }, this.disk);
    this.topic = await this.running.service.startTopic('orders', {
      dedup: { windowMs: DedupWorld.WINDOW, maxIds: 1_000 },
      ...topicOptions,
    });
  }

  /** Restarts as after `kill -9`: writes that have not reached the store are lost. */
  async crash(topicOptions?: TopicOptions): Promise<void> {
    const survivors: MapDisk = new Map();
    for (const [id, data] of this.disk) {
      const copy = new SortedKeyMap<Buffer>();
      for (const [key, value] of data.page('', undefined, false, Infinity)) copy.set(key, value);
      survivors.set(id, copy);
    }
    await this.running.stop();
    this.disk = survivors;
    await this.start(topicOptions);
  }

  async values(partition = 0): Promise<unknown[]> {
    const { startOffset } = this.topic.partition(partition);
    const { messages } = await this.topic.partition(partition).readMessages({ offset: startOffset });
    return messages.map(({ value }) => value);
  }
}

/** Creates the world before every test of a file, and stops it afterwards. */
export function useDedup(): DedupWorld {
  const world = new DedupWorld();
  beforeEach(() => world.begin());
  afterEach(() => world.running.stop());
  return world;
}
