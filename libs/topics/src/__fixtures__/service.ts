import { afterEach } from 'vitest';
import type { TopicsOptions } from '../options.js';
import { TopicsService } from '../topics.service.js';
import { MapAdapter, type MapDisk } from './map-adapter.js';
import { deferred } from './waiting.js';

/** A service on a {@link MapAdapter}, started as Nest starts it. */
export interface Running {
  readonly adapter: MapAdapter;
  readonly service: TopicsService;
  stop(): Promise<void>;
}

export async function startService(options: TopicsOptions = {}, disk?: MapDisk): Promise<Running> {
  const adapter = new MapAdapter(disk);
  const service = new TopicsService({ default: adapter, all: [adapter] }, options);
  await service.onModuleInit();
  await service.onApplicationBootstrap();
  const stop = async () => {
    await service.onApplicationShutdown();
    await adapter.close();
  };
  return { adapter, service, stop };
}

/** As {@link startService}; services that a test has started are stopped after it. */
export function useServices(): typeof startService {
  const started: Running[] = [];
  afterEach(async () => {
    for (const running of started.splice(0)) await running.stop();
  });
  return async (...args) => {
    const running = await startService(...args);
    started.push(running);
    return running;
  };
}

/** Holds back the end of the next multi-batch read until it is released; `pages` counts such reads. */
export function holdPage({ adapter }: Running, id = 'orders:0') {
  const gate = deferred();
  const reached = deferred();
  const store = adapter.opened.get(id)!;
  const scan = store.scanPages.bind(store);
  const held = { pages: 0, release: gate.resolve, reached: reached.promise };
  store.scanPages = async function* (range) {
    yield* scan(range);
    if (range?.maxBytes === undefined || ++held.pages > 1) return;
    reached.resolve();
    await gate.promise;
  };
  return held;
}

/**
 * Publishes with timestamps so disordered that a search for the returned time scans every batch, over several
 * pages.
 */
export async function publishOutOfOrder({ service }: Running, topic = 'orders'): Promise<number> {
  const newest = 1_000_000;
  const value = 'x'.repeat(400_000);
  for (const timestamp of [newest, 1, 2, 3, 4, 5, 6, 7, 8])
    await service.publish(topic, { value, timestamp });
  return newest + 1;
}

/** Holds back the next write to a topic until it is released. */
export function holdWrite({ adapter }: Running, topic = 'orders') {
  const gate = deferred();
  const reached = deferred();
  adapter.onWrite = (name) => {
    if (name !== topic) return undefined;
    adapter.onWrite = () => {};
    reached.resolve();
    return gate.promise;
  };
  return { release: gate.resolve, fail: gate.reject, reached: reached.promise };
}
