import { Controller, Get, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { Subscribe, TopicsModule, TopicsService } from '@genrocks/topics';
import { GenRocksClient, GenRocksServer, GenRocksTransportModule } from '@genrocks/topics/microservices';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';

const log: string[] = [];
let logDir: string;

beforeEach(async () => {
  log.length = 0;
  logDir = await mkdtemp(join(tmpdir(), 'genrocks-hybrid-'));
});
afterEach(() => rm(logDir, { recursive: true, force: true }));

/** A connection as pools of databases are: closed in onModuleDestroy. */
@Injectable()
class Database implements OnModuleDestroy {
  private isOpen = true;
  private working = 0;
  private readonly waiting: (() => void)[] = [];

  /** Resolves when so many do the same at once, so that all of them are in flight when the application closes. */
  async atWork(count: number): Promise<void> {
    while (this.working < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async write(what: string): Promise<void> {
    this.working++;
    for (const resolve of this.waiting.splice(0)) resolve();
    await closing;
    log.push(this.isOpen ? what : `${what}, too late`);
  }

  onModuleDestroy(): void {
    this.isOpen = false;
    log.push('database closed');
  }
}
@Module({ providers: [Database], exports: [Database] })
class DatabaseModule {}

let closing: Promise<void>;
let startClosing: () => void;

@Controller()
class Shop {
  constructor(
    private readonly database: Database,
    private readonly client: GenRocksClient,
    private readonly topics: TopicsService,
  ) {}

  @EventPattern('placed')
  placed(@Payload() _order: unknown): Promise<void> {
    return this.database.write('event');
  }

  @MessagePattern('price')
  async price(): Promise<number> {
    await this.database.write('request');
    return 250;
  }

  @Subscribe('placed', { group: 'audit' })
  audit(): Promise<void> {
    return this.database.write('subscription');
  }

  @Get('order')
  async order(): Promise<number> {
    await this.topics.startConsumerGroup({
      group: 'by-hand',
      topics: ['placed'],
      handler: () => this.database.write('started by hand'),
    });
    await firstValueFrom(this.client.emit('placed', { id: 1 }));
    return firstValueFrom(this.client.send<number>('price', {}));
  }
}

function hybrid(): Promise<NestFastifyApplication> {
  @Module({
    imports: [
      TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir }) }),
      GenRocksTransportModule.forRoot({ group: 'shop' }),
      DatabaseModule,
    ],
    controllers: [Shop],
  })
  class AppModule {}
  return (async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .setLogger(false as never)
      .compile();
    const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
    app.connectMicroservice({ strategy: app.get(GenRocksServer) }, { inheritAppConfig: true });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    return app;
  })();
}

it('a hybrid application drains every kind of group, and answers what it was asked, before it closes anything', async () => {
  closing = new Promise((resolve) => (startClosing = resolve));
  const app = await hybrid();
  const answer = fetch(`${await app.getUrl()}/order`);
  await app.get(Database).atWork(4);
  const closed = app.close();
  setImmediate(startClosing);
  expect(await (await answer).json()).toBe(250);
  await closed;
  expect(log.slice(0, 4).sort()).toEqual(['event', 'request', 'started by hand', 'subscription']);
  expect(log.slice(4)).toEqual(['database closed']);

  log.length = 0;
  const again = await hybrid();
  const { groups } = again.get(TopicsService);
  for (const group of ['shop', 'audit', 'by-hand']) expect((await groups.describe(group)).lag).toBe(0);
  await again.close();
  expect(log).toEqual(['database closed']);
});
