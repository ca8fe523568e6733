import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { expect, it } from 'vitest';
import { deferred, settled } from '../__fixtures__/waiting.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { Subscribe } from './subscribe.decorator.js';

const log: string[] = [];

class Resource implements OnModuleDestroy {
  isOpen = true;

  onModuleDestroy(): void {
    this.isOpen = false;
    log.push(`${this.constructor.name} destroyed`);
  }
}
@Injectable()
class Imported extends Resource {}
@Injectable()
class Beside extends Resource {}

@Module({ providers: [Imported], exports: [Imported] })
class ImportedModule {}

it.each([false, true])(
  'a handler in flight ends before anything it injects is destroyed (started by hand: %s)',
  async (isByHand) => {
    log.length = 0;
    const begun = deferred();
    const release = deferred();
    @Injectable()
    class Handlers implements OnModuleInit, OnModuleDestroy {
      constructor(
        private readonly imported: Imported,
        private readonly beside: Beside,
        private readonly topics: TopicsService,
      ) {}

      async onModuleInit(): Promise<void> {
        if (isByHand) {
          await this.topics.startConsumerGroup({
            group: 'h',
            topics: ['orders'],
            handler: () => this.work(),
          });
        }
      }

      @Subscribe('orders', { group: 'g' })
      async handle(): Promise<void> {
        if (!isByHand) await this.work();
      }

      private async work(): Promise<void> {
        begun.resolve();
        await release.promise;
        log.push(`handled: ${this.imported.isOpen} ${this.beside.isOpen}`);
      }

      onModuleDestroy(): void {
        log.push('Handlers destroyed');
      }
    }
    @Module({ imports: [ImportedModule], providers: [Beside, Handlers] })
    class FeatureModule {}
    const app = await Test.createTestingModule({
      imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() }), FeatureModule],
    }).compile();
    await app.init();
    await app.get(TopicsService).publish('orders', { value: 1 });
    await begun.promise;
    const closed = app.close();
    await settled();
    expect(log).toEqual([]);
    release.resolve();
    await closed;
    expect(log).toEqual([
      'handled: true true',
      'Handlers destroyed',
      'Beside destroyed',
      'Imported destroyed',
    ]);
  },
);
