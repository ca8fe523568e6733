import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const CLIENT = fileURLToPath(new URL('fixtures/node-rdkafka-client.mjs', import.meta.url));
const ADDON = new URL('suites/node_modules/node-rdkafka/build/Release/node-librdkafka.node', import.meta.url);

/** It is compiled, so it is not part of the project's own install. */
export const hasNodeRdkafka = existsSync(ADDON);

/** Goes behind the names of tests that need it. */
export const whyNotNodeRdkafka = hasNodeRdkafka ? '' : ' (not compiled: npm run suite:install)';

type Fact = Record<string, unknown>;

/** A node-rdkafka client at work in a process of its own. */
export class RdkafkaClient {
  /** What it has told so far. */
  readonly facts: Fact[] = [];
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;
  private complaints = '';

  /** @param verb one of fixtures/node-rdkafka-client.mjs */
  constructor(verb: string, options: object) {
    this.child = spawn(process.execPath, [CLIENT, verb, JSON.stringify(options)]);
    createInterface({ input: this.child.stdout! }).on('line', (line) =>
      this.facts.push(JSON.parse(line) as Fact),
    );
    this.child.stderr!.on('data', (text: Buffer) => (this.complaints += text.toString()));
    this.exited = new Promise((resolve) => this.child.on('close', () => resolve()));
  }

  /** Waits until it has told something of the kind. */
  async until(isMet: (facts: readonly Fact[]) => boolean): Promise<readonly Fact[]> {
    const met = expect.poll(() => isMet(this.facts), { timeout: 40_000, interval: 20 }).toBe(true);
    await met.catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.facts.slice(-5))} ${this.complaints}`);
    });
    return this.facts;
  }

  /** Waits for its end; what it has told. */
  async ended(): Promise<readonly Fact[]> {
    await this.exited;
    if (this.child.exitCode !== 0) throw new Error(`ended with ${this.child.exitCode}: ${this.complaints}`);
    return this.facts;
  }

  go(): void {
    this.child.stdin!.write('go\n');
  }

  /** A consumer's destructor may hang, so what has told all it has to tell is not asked to end. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
