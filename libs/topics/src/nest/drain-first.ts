import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** Nest destroys modules in ascending order of distance: the root has 1, modules not reached from it have 0. */
const BEFORE_ALL_OTHERS = -1;

/**
 * Drains all groups before anything of the application is destroyed: those of `@Subscribe`, of the microservice transport,
 * and of `startConsumerGroup`. Nest destroys a module before its imports, so the global module with the service would come
 * last, after the connections that running handlers need are closed. This provider is therefore in a module of its own,
 * which Nest destroys first and waits for; within a module, Nest 11 does not wait.
 */
@Injectable()
export class DrainFirst implements OnModuleDestroy {
  private readonly drains: (() => Promise<void>)[] = [];

  constructor(modules: ModulesContainer) {
    // In the constructor, because Nest sorts modules once, before it calls the first hook.
    for (const module of modules.values()) {
      if (module.metatype === DrainFirstModule) module.distance = BEFORE_ALL_OTHERS;
    }
  }

  add(drain: () => Promise<void>): void {
    this.drains.push(drain);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.drains.map((drain) => drain()));
  }
}

@Module({ providers: [DrainFirst], exports: [DrainFirst] })
export class DrainFirstModule {}
