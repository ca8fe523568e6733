import {
  type ArgumentsHost,
  Catch,
  ConsoleLogger,
  Controller,
  type ExceptionFilter,
  Logger,
  Scope,
  UseFilters,
} from '@nestjs/common';
import { BaseRpcExceptionFilter, EventPattern, MessagePattern, RpcException } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { ask, client, start } from '../__fixtures__/transport-app.js';
import { Collector } from '../__fixtures__/waiting.js';
import type { DeadLetterEvent } from '../events.js';

afterEach(() => Logger.overrideLogger(new ConsoleLogger()));

/** Looks, and answers nothing. */
@Catch(RangeError)
class Looks implements ExceptionFilter {
  catch(): void {}
}

/** As applications extend the one of Nest. */
@Catch()
class Extends extends BaseRpcExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost) {
    return super.catch(error, host);
  }
}

@Controller()
class Failing {
  @EventPattern('plain')
  plain(_data: unknown): void {
    throw new TypeError('of plain');
  }

  @EventPattern('for-clients')
  forClients(_data: unknown): void {
    throw new RpcException('of for-clients');
  }

  @EventPattern('looked-at')
  @UseFilters(Looks)
  lookedAt(_data: unknown): void {
    throw new RangeError('of looked-at');
  }

  @EventPattern('extended')
  @UseFilters(Extends)
  extended(_data: unknown): void {
    throw new TypeError('of extended');
  }

  @MessagePattern('asked')
  asked(_data: unknown): void {
    throw new TypeError('of asked');
  }
}

@Controller({ scope: Scope.REQUEST })
class FailingAnew {
  @EventPattern('anew')
  anew(_data: unknown): void {
    throw new TypeError('of anew');
  }
}

it('a try of an event that fails has one line in the log, which has its place and its stack', async () => {
  const lines: string[] = [];
  const keep = (message: unknown, ...rest: unknown[]) => {
    const line = [message, ...rest].map(String).join(' | ');
    if (line.includes('Error: of ') || line.includes('Exception: of ')) lines.push(line);
  };
  const kit = await start([Failing, FailingAnew], {
    consumer: { retry: { attempts: 2, initialMs: 1 } },
    beforeStart: () => void Logger.overrideLogger({ log: () => {}, warn: () => {}, error: keep }),
  });
  const dead = new Collector<DeadLetterEvent>();
  kit.topics.events.on('dead-letter', (event) => dead.push(event));
  const topics = ['plain', 'for-clients', 'looked-at', 'extended', 'anew'];
  for (const topic of topics) await firstValueFrom(client().emit(topic, 1));
  await kit.drain();
  await dead.atLeast(topics.length);
  for (const topic of topics) {
    const told = lines.filter((line) => line.includes(`of ${topic} |`));
    expect(told).toHaveLength(2);
    for (const [i, line] of told.entries()) {
      expect(line).toContain(`group nest, ${topic}/0 at offset 0: try ${i + 1} failed`);
      expect(line).toMatch(/\| \w+: of [\w-]+\n +at /);
    }
  }
  // Nobody else tells of a request.
  await expect(ask('asked', 1)).rejects.toMatchObject({ message: 'Internal server error' });
  expect(lines.filter((line) => line.includes('of asked'))).toHaveLength(1);
});
