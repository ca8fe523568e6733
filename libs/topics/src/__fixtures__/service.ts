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

/** As {@link startService}; what a test has started is stopped after it. */
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

/** Holds the next write to a topic back until it is released. */
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
