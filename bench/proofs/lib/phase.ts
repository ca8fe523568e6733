import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What one phase of a proof measured, in a process of its own. */
export interface PhaseResult {
  readonly phase: string;
  readonly seconds: number;
  /** Highest resident memory of the process, MiB, and what it had before there was anything to do. */
  readonly rss_high_mib: number;
  readonly rss_start_mib: number;
  readonly [fact: string]: string | number;
}

/**
 * Runs the same program as a child in one of its phases.
 * @param started is told the child's process id
 */
export async function runPhase(
  program: string,
  phase: string,
  args: Readonly<Record<string, string | number>>,
  started?: (pid: number) => void,
): Promise<PhaseResult> {
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = fork(program, ['--phase', phase, ...flags], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  started?.(child.pid!);
  let result: PhaseResult | undefined;
  child.on('message', (message) => (result = message as PhaseResult));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0 || result === undefined) throw new Error(`the phase ${phase} failed`);
  return result;
}

/** The work of a phase: measured, and told to the parent. `work` returns further facts. */
export async function measurePhase(
  phase: string,
  work: () => Promise<Record<string, string | number>>,
): Promise<void> {
  const rssStart = process.memoryUsage.rss();
  const began = performance.now();
  const facts = await work();
  const result: PhaseResult = {
    phase,
    seconds: (performance.now() - began) / 1000,
    rss_high_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    rss_start_mib: Math.round(rssStart / 2 ** 20),
    ...facts,
  };
  process.send!(result);
}

/** Fails the program, with what was measured above it. */
export function assertAtMost(what: string, measured: number, limit: number): void {
  if (measured <= limit) return;
  console.error(`FAILED: ${what} is ${measured}, at most ${limit} is allowed`);
  process.exitCode = 1;
}
