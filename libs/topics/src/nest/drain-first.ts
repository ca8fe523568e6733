import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { TopicsService } from '../topics.service.js';

const TOKEN = Symbol('GENROCKS_DRAIN_FIRST');

/**
 * Has all groups drained before anything of the application is destroyed: those of `@Subscribe`, of the microservice
 * transport, and those that were started by hand. Nest destroys modules before those they import, and within a module
 * providers before those they inject; the service itself, of a global module, comes last, when the connections that
 * handlers in flight need are closed already. So this stands in the module that Nest destroys first, before all else in it.
 */
@Injectable()
export class DrainFirst implements OnModuleInit {
  constructor(
    private readonly topics: TopicsService,
    private readonly modules: ModulesContainer,
  ) {}

  onModuleInit(): void {
    // As Nest sorts them, modules of the same distance included.
    const [first] = [...this.modules.values()].sort((a, b) => b.distance - a.distance).reverse();
    if (first === undefined || first.providers.has(TOKEN)) return;
    first.addProvider({ provide: TOKEN, useValue: { onModuleDestroy: () => this.topics.onModuleDestroy() } });
    first.providers.get(TOKEN)!.hierarchyLevel = Number.MAX_SAFE_INTEGER;
  }
}
