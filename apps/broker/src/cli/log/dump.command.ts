import { InvalidArgumentError } from '@genrocks/storage';
import { type DumpOptions, dumpLog, entryToJson, type LogSnapshot } from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { type Output, printable, run, warn } from '../output.js';
import { forEachLog, nameOf } from './partition-names.js';

interface Options {
  json?: boolean;
  limit?: number;
  prefix?: string;
  fromKey?: string;
}

/** Characters of a value that people are shown. */
const SHOWN = 100;

/** `genrocks log dump`: what was written to a log, in the order of writing. */
@SubCommand({
  name: 'dump',
  arguments: '<dir>',
  description: 'Print every entry of a log, in the order of writing; exits 2 if any part of it is damaged',
})
export class DumpCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'one JSON object an entry' })
  parseJson(): boolean {
    return true;
  }

  @Option({ flags: '-n, --limit <count>', description: 'entries at most, of each partition' })
  parseLimit(text: string): number {
    if (!/^\d{1,15}$/.test(text))
      throw new InvalidArgumentError(`--limit: ${JSON.stringify(text)} is not allowed; a whole number`);
    return Number(text);
  }

  @Option({ flags: '--prefix <text>', description: 'only keys that begin with this' })
  parsePrefix(text: string): string {
    return text;
  }

  @Option({ flags: '--from-key <text>', description: 'only keys from this one on, in byte order' })
  parseFromKey(text: string): string {
    return text;
  }

  override async run([directory]: string[], options: Options): Promise<void> {
    await run(async (out) => {
      let isDamaged = false;
      await forEachLog(directory!, async (log, partition, isOne) => {
        if (!isOne && options.json !== true) await out.line(`# ${nameOf(partition)}`);
        const { topic, partition: number } = partition;
        const where = isOne ? {} : { topic, partition: number };
        if (await dump(log, out, options, where)) isDamaged = true;
      });
      return isDamaged ? EXIT.damaged : EXIT.ok;
    });
  }
}

/** @returns whether anything was damaged */
async function dump(log: LogSnapshot, out: Output, options: Options, where: object): Promise<boolean> {
  let isDamaged = false;
  for (const { severity, file, reason } of log.remarks) {
    warn(`${severity === 'damage' ? 'damaged' : 'note'}: ${file}: ${reason}`);
    // Where the order of the files had to be found by other means, every entry is still here.
    if (severity === 'damage' && file === log.directory) isDamaged = true;
  }
  for await (const step of dumpLog(log, filterOf(options))) {
    if (step.type === 'entry') {
      const json = entryToJson(step.entry);
      const pending = out.line(
        options.json === true ? JSON.stringify({ ...where, ...json }) : forPeople(json),
      );
      if (pending !== undefined) await pending;
    } else if (step.type === 'torn') {
      warn(
        `${step.file}: ${step.bytes} bytes of a write that was cut off, at offset ${step.offset}; never acknowledged`,
      );
    } else {
      isDamaged = true;
      const { file, start, end, reason, sequenceBefore, sequenceAfter } = step.damage;
      const between = `between sequence ${sequenceBefore ?? '?'} and ${sequenceAfter ?? '?'}`;
      warn(`damaged: ${file}: offset ${start}, length ${end - start}: ${reason} (${between})`);
    }
  }
  return isDamaged;
}

function filterOf({ limit, prefix, fromKey }: Options): DumpOptions {
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(prefix === undefined ? {} : { prefix: Buffer.from(prefix) }),
    ...(fromKey === undefined ? {} : { fromKey: Buffer.from(fromKey) }),
  };
}

function forPeople(entry: ReturnType<typeof entryToJson>): string {
  const key = entry.key === undefined ? `base64:${entry.key_base64}` : printable(entry.key);
  return `${timeOf(entry.timestamp)}  ${entry.deleted === true ? 'delete' : 'put   '}  ${key}${valueOf(entry)}`;
}

function valueOf(entry: ReturnType<typeof entryToJson>): string {
  if (entry.deleted === true) return '';
  const text =
    entry.value === undefined
      ? entry.value_base64 === undefined
        ? JSON.stringify(entry.value_term)
        : `base64:${entry.value_base64}`
      : printable(entry.value);
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}... (${text.length} characters)` : text;
  return `  ${shown}`;
}

function timeOf(timestamp: number): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? String(timestamp) : date.toISOString();
}
