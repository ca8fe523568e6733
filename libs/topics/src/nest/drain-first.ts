import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** The root of an application has 1, and what is not reached from it 0; modules are destroyed from the lowest up. */
const BEFORE_ALL_OTHERS = -1;

/**
 * Has all groups drained before anything of the application is destroyed: those of `@Subscribe`, of the microservice
 * transport, and those that were started by hand. Nest destroys modules before those they import; the service itself, of
 * a global module, comes last, when the connections that handlers in flight need are closed already. So this stands in a
 * module of its own, which Nest destroys before all others, and waits for: within a module Nest 11 waits for nothing.
 */
@Injectable()
export class DrainFirst implements OnModuleDestroy {
  private readonly drains: (() => Promise<void>)[] = [];

  constructor(modules: ModulesContainer) {
    // Not later: Nest sorts modules once, before it calls the first hook.
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
