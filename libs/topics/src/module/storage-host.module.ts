import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { InvalidConfigError, StorageAdapter } from '@genrocks/storage';
import { withHooks } from '../nest/overridden-alias.js';
import type { TopicsAdapters } from '../options.js';
import { TOPICS_ADAPTERS } from '../topics.tokens.js';
import type { FurtherAdapter, StorageModule } from './topics.module-definition.js';

const DEFAULT_ADAPTER = Symbol('GENROCKS_DEFAULT_ADAPTER');

/**
 * Finds the default adapter. It is a module of its own, which imports only the storage module: every adapter's module
 * exports the token `StorageAdapter`, and among several imports Nest would take any of them.
 */
@Module({})
class DefaultAdapterHost {}

/**
 * The adapters of a service. A global module shuts down after all others, and so after its own storage. This set is in a
 * module between the two, which imports the storage modules, and passes the shutdown on before storage closes.
 */
class AdapterSet implements TopicsAdapters, OnApplicationShutdown {
  readonly all: readonly StorageAdapter[];
  private readonly closing: (() => Promise<void>)[] = [];

  constructor(
    readonly standard: StorageAdapter,
    others: readonly StorageAdapter[],
  ) {
    this.all = [...new Set([standard, ...others])];
    const names = this.all.map(({ name }) => name);
    const double = names.find((name, i) => names.indexOf(name) !== i);
    if (double === undefined) return;
    throw new InvalidConfigError([
      `topics.adapters: two adapters are named ${double}; give each its own name`,
    ]);
  }

  get default(): StorageAdapter {
    return this.standard;
  }

  beforeClose(action: () => Promise<void>): void {
    this.closing.push(action);
  }

  async onApplicationShutdown(): Promise<void> {
    for (const action of this.closing) await action();
  }
}

/** Collects the adapters of a service from the modules that provide them. @internal */
@Module({})
export class StorageHost {
  static of(storage: StorageModule | undefined, further: readonly FurtherAdapter[]): DynamicModule {
    if (storage === undefined) {
      throw new InvalidConfigError([
        'topics.storage: missing; pass a module that exports StorageAdapter, such as EtsModule.forRoot()',
      ]);
    }
    if (storage instanceof StorageAdapter) {
      throw new InvalidConfigError([
        'topics.storage: this is an adapter; pass the module that provides it, such as EtsModule.forRoot()',
      ]);
    }
    if (!isModule(storage)) {
      throw new InvalidConfigError([
        'topics.storage: not a module; give one that exports StorageAdapter, such as DiskLogModule.forRoot({ logDir })',
      ]);
    }
    return {
      module: StorageHost,
      imports: [defaultHost(storage), ...further.map(({ module }) => module)],
      providers: [
        {
          provide: TOPICS_ADAPTERS,
          inject: [DEFAULT_ADAPTER, ...further.map(({ adapter }) => adapter)],
          useFactory: (standard: { adapter: StorageAdapter }, ...others: StorageAdapter[]): TopicsAdapters =>
            new AdapterSet(standard.adapter, others),
        },
      ],
      exports: [TOPICS_ADAPTERS],
    };
  }
}

/** JavaScript callers, and options read from files, get past the types. */
function isModule(value: unknown): value is StorageModule {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && ('module' in value || 'then' in value);
}

function defaultHost(storage: StorageModule): DynamicModule {
  return {
    module: DefaultAdapterHost,
    imports: [storage],
    // Wrapped, so that Nest does not call the adapter's lifecycle hooks a second time for this provider.
    providers: [
      {
        provide: DEFAULT_ADAPTER,
        inject: [StorageAdapter, ModulesContainer],
        useFactory: (adapter: StorageAdapter, modules: ModulesContainer) => ({
          adapter: withHooks(adapter, modules),
        }),
      },
    ],
    exports: [DEFAULT_ADAPTER],
  };
}
