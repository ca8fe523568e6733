import type { ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import { InvalidConfigError } from '@genrocks/storage';
import { TopicsService } from '../topics.service.js';

/**
 * Finds the service a handler belongs to. A single service of an application owns all handlers. With several services
 * (`isGlobal: false`), a handler belongs to the one that would be injected into it; topics of the others are different
 * topics, even if they have the same names.
 */
export class HandlerOwners {
  private readonly homes: ReadonlySet<Module>;

  constructor(modules: ModulesContainer) {
    this.homes = new Set([...modules.values()].filter(({ providers }) => providers.has(TopicsService)));
  }

  /** @throws `INVALID_CONFIG` if there are several services and the handler's module imports none of them */
  isHandledBy(service: TopicsService, host: Module | undefined, where: string): boolean {
    if (this.homes.size < 2 || host === undefined) return true;
    const home = this.homeSeenFrom(host, new Set());
    if (home !== undefined) return home.providers.get(TopicsService)?.instance === service;
    throw new InvalidConfigError([
      `${where}: this application has ${this.homes.size} TopicsModule, and ${host.name} imports none of them; ` +
        'import the one whose topics it handles',
    ]);
  }

  /** Looks up as Nest does: the module itself, then its imports in order, and what these re-export. */
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
