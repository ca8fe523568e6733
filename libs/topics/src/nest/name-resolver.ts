import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { InvalidConfigError } from '@genrocks/storage';

interface Config {
  get(name: string): unknown;
}

const PLACEHOLDER = /\$\{([^}:]+)(?::([^}]*))?\}/g;

/** Fills in `${NAME}` and `${NAME:default}` from the application's ConfigService, or the environment. @internal */
@Injectable()
export class NameResolver {
  constructor(private readonly discovery: DiscoveryService) {}

  /** @throws {InvalidConfigError} `INVALID_CONFIG` for a name that is not defined and has no default */
  resolve(text: string, where: string): string {
    if (!text.includes('${')) return text;
    return text.replaceAll(PLACEHOLDER, (_all, name: string, fallback: string | undefined) => {
      const value = this.config()?.get(name) ?? process.env[name] ?? fallback;
      if (typeof value === 'string' || typeof value === 'number') return String(value);
      throw new InvalidConfigError([
        `${where}: ${name} is neither in the configuration nor in the environment; set it, or give a default: \${${name}:default}`,
      ]);
    });
  }

  /** Looked up by name, so that @nestjs/config is not required. */
  private config(): Config | undefined {
    const wrapper = this.discovery.getProviders().find(({ name }) => name === 'ConfigService');
    const service = wrapper?.instance as Partial<Config> | undefined;
    return typeof service?.get === 'function' ? (service as Config) : undefined;
  }
}
