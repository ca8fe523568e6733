import type { ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import { InvalidConfigError } from '@genrocks/storage';
import { TopicsService } from '../topics.service.js';

/**
 * Which service a handler belongs to. With one service in the application that is the one, wherever the handler stands.
 * With several (`isGlobal: false`) it is the one that would be injected into the handler: the topics of the others are
 * not those it means, even if they have the same names.
 */
export class HandlerOwners {
  private readonly homes: ReadonlySet<Module>;

  constructor(modules: ModulesContainer) {
    this.homes = new Set([...modules.values()].filter(({ providers }) => providers.has(TopicsService)));
  }

  /** @throws `INVALID_CONFIG` where there are several services and the handler's module sees none of them */
  isHandledBy(service: TopicsService, host: Module | undefined, where: string): boolean {
    if (this.homes.size < 2 || host === undefined) return true;
    const home = this.homeSeenFrom(host, new Set());
    if (home !== undefined) return home.providers.get(TopicsService)?.instance === service;
    throw new InvalidConfigError([
      `${where}: there are ${this.homes.size} TopicsModule in this application, and ${host.name} imports none of them; ` +
        'import the one whose topics it handles',
    ]);
  }

  /** As Nest looks a provider up: the module itself, then its imports in their order, and what these export again. */
  private homeSeenFrom(module: Module, seen: Set<Module>): Module | undefined {
    if (this.homes.has(module)) return module;
    seen.add(module);
    for (const imported of module.imports) {
      if (this.homes.has(imported)) return imported;
      if (seen.has(imported) || !this.passesOn(imported)) continue;
      const home = this.homeSeenFrom(imported, seen);
      if (home !== undefined) return home;
    }
    return undefined;
  }

  private passesOn({ exports }: Module): boolean {
    return exports.has(TopicsService) || [...this.homes].some(({ metatype }) => exports.has(metatype));
  }
}
