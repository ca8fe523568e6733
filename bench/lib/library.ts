import { join } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule } from '@genrocks/storage-ets';
import { type StorageModule, TopicsModule, TopicsService } from '@genrocks/topics';
import { type Cell, closedLoop } from './measure.js';

export const SECTION = 'Library';

/** Publishing through `Topic.publish` in this process, one partition. */
export async function libraryCells(
  directory: string,
): Promise<{ cells: Cell[]; apps: INestApplicationContext[] }> {
  const storages: [string, StorageModule][] = [
    ['ets', EtsModule.forRoot()],
    ...(['os', 'interval', 'always'] as const).map((sync): [string, StorageModule] => [
      `disk_log ${sync}`,
      DiskLogModule.forRoot({ logDir: join(directory, sync), sync }),
    ]),
  ];
  const cells: Cell[] = [];
  const apps: INestApplicationContext[] = [];
  for (const [name, storage] of storages) {
    const app = await NestFactory.createApplicationContext(TopicsModule.forRoot({ storage }), {
      logger: false,
    });
    apps.push(app);
    cells.push(...cellsOf(app.get(TopicsService), name));
  }
  return { cells, apps };
}

function cellsOf(topics: TopicsService, name: string): Cell[] {
  const cells: Cell[] = [];
  for (const bytes of [100, 1024]) {
    const value = Buffer.alloc(bytes, 'x');
    const topic = `bytes-${bytes}`;
    for (const publishers of [1, 64, 1024]) {
      const run = async (ms: number) => {
        const open = await topics.startTopic(topic);
        const sample = await closedLoop(publishers, ms, 1, () => open.publish({ value }));
        // What is left in memory or on the disk is not to slow down the next cell.
        await open.truncate();
        return sample;
      };
      cells.push({ section: SECTION, name, publishers, bytes, run });
    }
  }
  return cells;
}
