import assert from 'node:assert/strict';
import type { OpenStoreOptions, StorageAdapter, StorageSupports } from '../storage-adapter.js';
import type { PartitionStore } from '../partition-store.js';

/** How the conformance suite creates and reopens the adapter under test. */
export interface ConformanceHarness {
  /** What the adapter claims. Tests of what it does not claim are skipped, with the reason. */
  readonly supports: StorageSupports;
  /** Creates an adapter over empty storage. If `supports.bounded`, each store must be able to hold 64 MiB. */
  readonly create: () => Promise<StorageAdapter>;
  /** Creates a new adapter over the data of the given one, which is closed. Required if `supports.persistent`. */
  readonly reopen?: (closed: StorageAdapter) => Promise<StorageAdapter>;
  /** Removes what `create` made. The adapter is closed. */
  readonly dispose?: (closed: StorageAdapter) => Promise<void>;
  /**
   * Store settings that make a bounded store as small as possible, to test that `retain: 'all'` overrides them. They must
   * leave room for a value of 1 KiB.
   */
  readonly tightSettings?: Readonly<Record<string, unknown>>;
  /** Seed of the random tests; their failures name it. Default 1. */
  readonly seed?: number;
}

/** One test of the suite, for any test runner. */
export interface ConformanceTest {
  /** The name of the test, as a test runner shows it. */
  readonly name: string;
  /** Runs the test. Rejects if the adapter breaks the contract, with what is wrong. */
  readonly run: () => Promise<void>;
  /** The reason why the test does not apply to this adapter; if given, do not run it. */
  readonly skip?: string;
}

/** A test as its file defines it. */
export interface TestDefinition {
  readonly name: string;
  /** Returns why the test does not apply, or undefined where it does. */
  readonly unless?: (supports: StorageSupports) => string | undefined;
  run(context: TestContext): Promise<void>;
}

/** What a running test works with. */
export class TestContext {
  constructor(
    /** The adapter under test; another one after {@link reopen}. */
    public adapter: StorageAdapter,
    readonly harness: ConformanceHarness,
  ) {}

  get supports(): StorageSupports {
    return this.harness.supports;
  }

  open(topic = 'conformance', partition = 0, options?: OpenStoreOptions): Promise<PartitionStore> {
    return this.adapter.open(topic, partition, options);
  }

  /** Closes the adapter and goes on with a new one over the same data. */
  async reopen(): Promise<void> {
    await this.adapter.close();
    const reopened = await this.harness.reopen?.(this.adapter);
    assert.ok(reopened, 'supports.persistent is true: give the harness a reopen()');
    this.adapter = reopened;
  }
}

/** For {@link TestDefinition.unless}: the test is about what outlives the adapter. */
export function unlessPersistent({ persistent }: StorageSupports): string | undefined {
  return persistent ? undefined : 'supports.persistent is false: nothing outlives the adapter';
}

/** For {@link TestDefinition.unless}. */
export function unlessHistory({ log }: StorageSupports): string | undefined {
  return log === 'history' ? undefined : "supports.log is 'latest': overwritten values are not kept";
}

/** For {@link TestDefinition.unless}. */
export function unlessLatest({ log }: StorageSupports): string | undefined {
  return log === 'latest' ? undefined : "supports.log is 'history': the log has every write";
}

export async function runDefinition(definition: TestDefinition, harness: ConformanceHarness): Promise<void> {
  const context = new TestContext(await harness.create(), harness);
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<void> | undefined) => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(() => definition.run(context));
  await attempt(() => context.adapter.close());
  await attempt(() => harness.dispose?.(context.adapter));
  // A failed test often cannot close properly either; its own failure is the one to show.
  if (failures.length > 0) throw failures[0];
}
