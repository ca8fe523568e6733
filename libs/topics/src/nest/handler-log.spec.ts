import { Catch, type ExceptionFilter, Injectable, type LoggerService, UseFilters } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { expect, it } from 'vitest';
import { Collector } from '../__fixtures__/waiting.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { Subscribe } from './subscribe.decorator.js';

const seen: unknown[] = [];

/** Observes the error and returns nothing. */
@Catch(RangeError)
class Looks implements ExceptionFilter {
  catch(error: RangeError): void {
    seen.push(error);
  }
}

@Injectable()
class Failing {
  @Subscribe('a', { group: 'plain', retry: { attempts: 2, initialMs: 1 } })
  plain(): void {
    throw new TypeError('nobody looks');
  }

  @Subscribe('a', { group: 'looked-at', retry: { attempts: 2, initialMs: 1 } })
  @UseFilters(Looks)
  lookedAt(): void {
    throw new RangeError('somebody looks');
  }
}

it('a failed try is one line in the log, with its place and its stack', async () => {
  const lines: string[] = [];
  const dead = new Collector<string>();
  const keep = (message: unknown, ...rest: unknown[]) => {
    if (/moved to/.test(String(message))) dead.push(String(message));
    else if (/looks/.test(String(message))) lines.push([message, ...rest].map(String).join(' | '));
  };
  const logger: LoggerService = { log: () => {}, warn: keep, error: keep };
  const app = await Test.createTestingModule({
    imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() })],
    providers: [Failing],
  })
    .setLogger(logger)
    .compile();
  await app.init();
  const topics = app.get(TopicsService);
  await topics.publish('a', { value: 1 });
  await dead.atLeast(2);
  await app.close();
  expect(seen.map((error) => (error as Error).message)).toEqual(['somebody looks', 'somebody looks']);
  for (const [group, what] of [
    ['plain', 'TypeError: nobody looks'],
    ['looked-at', 'RangeError: somebody looks'],
  ]) {
    const told = lines.filter((line) => line.includes(what!.split(': ')[1]!));
    expect(told).toHaveLength(2);
    for (const [i, line] of told.entries()) {
      expect(line).toContain(`group ${group}, a/0 at offset 0: try ${i + 1} failed`);
      expect(line).toMatch(new RegExp(`\\| ${what}\\n +at `));
    }
  }
});
