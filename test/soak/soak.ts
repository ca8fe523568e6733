import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastingPort } from '../lasting-port.js';
import { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { Child, type Fact } from './child.js';
import { SoakLedger } from './ledger.js';

const TOPIC = 'events';
const PARTITIONS = 6;
const GROUPS = ['one', 'two'] as const;
const KEYS = 16;
/** Between two messages of one key. */
const PACE_MS = 20;
/** Of one kind in one group. */
const MAX_MEMBERS = 2;
/** How long the groups may take to catch up once they are left in peace. */
const PATIENCE_MS = 90_000;

type Group = (typeof GROUPS)[number];

export interface SoakOptions {
  readonly seed: number;
  /** How long members come and go between two settlements, in milliseconds. */
  readonly roundMs: number;
  /** True while there is time for another round. */
  readonly goesOn: () => boolean;
  readonly report: (line: string) => void;
}

/** @throws where a message was lost or out of order; the message names the seed and the directory, which is kept */
export async function soak(options: SoakOptions): Promise<void> {
  const logDir = await mkdtemp(join(tmpdir(), 'genrocks-soak-'));
  const run = new Soak(logDir, options);
  try {
    await run.start();
    for (let round = 1; round === 1 || options.goesOn(); round++) await run.round(round);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`soak --seed ${options.seed}: ${reason}\nwhat was stored is in ${logDir}`, {
      cause: error,
    });
  } finally {
    await run.stop();
  }
  await rm(logDir, { recursive: true });
}

class Soak {
  private readonly random: Random;
  private readonly ledger = new SoakLedger(GROUPS);
  private application!: Child;
  private port = 0;
  private readonly locals = new Map<string, Group>();
  private readonly clients = new Map<string, { group: Group; child: Child }>();
  private readonly nextSeq = new Array<number>(KEYS).fill(0);
  /** Keys with a publish under way; none while the application is down. */
  private readonly pending = new Set<string>();
  private publishing = false;
  private serial = 0;
  private kills = 0;
  private lags: readonly number[] = [];
  private onReady = () => {};

  constructor(
    private readonly logDir: string,
    private readonly options: SoakOptions,
  ) {
    this.random = new Random(options.seed);
  }

  async start(): Promise<void> {
    this.port ||= await lastingPort();
    const ready = new Promise<void>((resolve) => (this.onReady = resolve));
    const { logDir, port } = this;
    this.application = new Child(
      './application.mjs',
      { logDir, topic: TOPIC, partitions: PARTITIONS, port },
      (fact) => this.heard(fact),
    );
    await Promise.race([ready, this.application.failsAtEnd()]);
  }

  async round(number: number): Promise<void> {
    for (const group of GROUPS) this.ensureMembers(group);
    this.publishing = true;
    for (let key = 0; key < KEYS; key++) this.publish(`k${key}`);
    const until = performance.now() + this.options.roundMs;
    while (performance.now() < until) {
      await this.disturb();
      if (this.application.hasEnded) await this.application.failsAtEnd();
      await sleep(100 + this.random.int(300));
    }
    await this.restart();
    await sleep(500);
    this.publishing = false;
    await this.settle();
    const { ledger, kills, locals, clients } = this;
    this.options.report(
      `round ${number}: ${ledger.acknowledged} acknowledged, ${ledger.handed} handed out, ${kills} kills, ` +
        `${locals.size} handlers and ${clients.size} clients now`,
    );
  }

  async stop(): Promise<void> {
    this.publishing = false;
    const clients = [...this.clients.values()].map(({ child }) => child.end('leave', 5_000));
    await Promise.all(clients);
    if (!this.application.hasEnded) await this.application.end('exit');
  }

  private async disturb(): Promise<void> {
    const { random } = this;
    const group = random.pick(GROUPS);
    const event = random.next();
    if (event < 0.3) this.joinLocal(group);
    else if (event < 0.5) this.leaveLocal(random);
    else if (event < 0.65) this.joinClient(group);
    else if (event < 0.75) await this.endClient(random, false);
    else if (event < 0.9) await this.endClient(random, true);
    else if (event < 0.95) await this.restart();
  }

  private ensureMembers(group: Group): void {
    if (![...this.locals.values()].includes(group)) this.joinLocal(group);
    if (![...this.clients.values()].some((client) => client.group === group)) this.joinClient(group);
  }

  private joinLocal(group: Group): void {
    if ([...this.locals.values()].filter((one) => one === group).length >= MAX_MEMBERS) return;
    const name = `handler-${this.serial++}`;
    this.locals.set(name, group);
    this.application.command('join', group, name, this.random.chance(0.2) ? 30 : 0);
  }

  private leaveLocal(random: Random): void {
    if (this.locals.size === 0) return;
    const name = random.pick([...this.locals.keys()]);
    this.locals.delete(name);
    this.application.command('leave', name);
  }

  private joinClient(group: Group): void {
    if ([...this.clients.values()].filter((one) => one.group === group).length >= MAX_MEMBERS) return;
    const clientId = `client-${this.serial++}`;
    const options = { bootstrap: `127.0.0.1:${this.port}`, group, topic: TOPIC, clientId };
    const child = new Child('./kafkajs-member.mjs', options, ([name, ...details]) => {
      if (name === 'message') this.delivered(group, details);
    });
    this.clients.set(clientId, { group, child });
  }

  private async endClient(random: Random, isCrash: boolean): Promise<void> {
    if (this.clients.size === 0) return;
    const clientId = random.pick([...this.clients.keys()]);
    const { child } = this.clients.get(clientId)!;
    this.clients.delete(clientId);
    if (isCrash) {
      this.kills++;
      await child.kill();
    } else await child.end('leave', 5_000);
  }

  /** Kills the application, and starts it again on the same directory. */
  private async restart(): Promise<void> {
    this.kills++;
    await this.application.kill();
    // What was under way may be stored or not: nobody was promised anything.
    this.pending.clear();
    this.locals.clear();
    await this.start();
    for (const group of GROUPS) this.joinLocal(group);
    for (let key = 0; key < KEYS; key++) this.publish(`k${key}`);
  }

  private publish(key: string): void {
    if (!this.publishing || this.pending.has(key)) return;
    this.pending.add(key);
    const index = Number(key.slice(1));
    this.application.command('publish', key, this.nextSeq[index]!++);
  }

  private heard([name, ...details]: Fact): void {
    if (name === 'ready') this.onReady();
    else if (name === 'published') {
      const [, , key, seq] = details as [number, number, string, number];
      this.ledger.published(key, seq);
      this.pending.delete(key);
      setTimeout(() => this.publish(key), PACE_MS);
    } else if (name === 'message') this.delivered(details[0] as Group, details.slice(1));
    else if (name === 'lag') this.lags = details[0] as number[];
    else if (name === 'failed') this.options.report(`the application: ${JSON.stringify(details)}`);
  }

  private delivered(group: Group, [, , key, seq, at]: readonly unknown[]): void {
    this.ledger.delivered(group, { key: key as string, seq: seq as number, at: at as number });
  }

  private async settle(): Promise<void> {
    for (const group of GROUPS) this.ensureMembers(group);
    const until = performance.now() + PATIENCE_MS;
    this.lags = [];
    while (!this.hasSettled() && performance.now() < until) {
      if (this.application.hasEnded) await this.application.failsAtEnd();
      this.application.command('lag', GROUPS);
      await sleep(200);
    }
    const problems = [...this.ledger.missing(), ...this.ledger.disorder()];
    if (this.lags.some((lag) => lag !== 0))
      problems.push(`the groups still lag by ${this.lags.join(' and ')}`);
    if (problems.length > 0) {
      throw new Error(`${problems.length} problems:\n${problems.slice(0, 10).join('\n')}`);
    }
    this.ledger.settle();
  }

  private hasSettled(): boolean {
    const hasCaughtUp = this.lags.length > 0 && this.lags.every((lag) => lag === 0);
    return hasCaughtUp && this.pending.size === 0 && this.ledger.missing().length === 0;
  }
}
