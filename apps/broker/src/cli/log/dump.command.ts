import { InvalidArgumentError } from '@genrocks/storage';
import {
  type DumpOptions,
  type DumpStep,
  dumpLog,
  entryToJson,
  type LogSnapshot,
} from '@genrocks/storage-disklog/tools';
import { CommandRunner, Option, SubCommand } from 'nest-commander';
import { EXIT } from '../exit-codes.js';
import { type Output, printable, run, timeText, warn } from '../output.js';
import { forEachLog, nameOf, warnOfRemarks } from './partition-names.js';

interface Options {
  json?: boolean;
  messages?: boolean;
  limit?: number;
  prefix?: string;
  fromKey?: string;
}

export type Entry = Extract<DumpStep, { type: 'entry' }>['entry'];

/** Characters of a value that are shown without `--json`. */
const SHOWN = 100;

/** `genrocks log dump`: prints what was written to a log, in write order. */
@SubCommand({
  name: 'dump',
  arguments: '<dir>',
  description: 'Print every entry of a log in write order; exits 2 if any part of the log is damaged',
})
export class DumpCommand extends CommandRunner {
  @Option({ flags: '--json', description: 'one JSON object per entry' })
  parseJson(): boolean {
    return true;
  }

  @Option({ flags: '--messages', description: "the messages of a topic's partitions, one JSON object each" })
  parseMessages(): boolean {
    return true;
  }

  @Option({
    flags: '-n, --limit <count>',
    description: 'maximum number of entries (or messages) per partition',
  })
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
    await run(
      async (out) => {
        if (options.messages === true && (options.prefix ?? options.fromKey) !== undefined)
          throw new InvalidArgumentError(
            '--messages: --prefix and --from-key select keys of a store, not messages',
          );
        // Loaded only when needed: entries can be printed without the topics library.
        const { MessagePrinter } = options.messages === true ? await import('./message-printer.js') : {};
        let isDamaged = false;
        await forEachLog(directory!, async (log, partition, isOne) => {
          if (!isOne && options.json !== true && options.messages !== true)
            await out.line(`# ${nameOf(partition)}`);
          const { topic, partition: number } = partition;
          const print =
            MessagePrinter === undefined
              ? new EntryPrinter(out, isOne ? {} : { topic, partition: number }, options.json === true)
              : new MessagePrinter(out, { topic, partition: number }, options.limit);
          if (await dump(log, print, options)) isDamaged = true;
        });
        return isDamaged ? EXIT.damaged : EXIT.ok;
      },
      { json: options.json === true },
    );
  }
}

/** Prints the entries of a dump. */
export interface Printer {
  /** Prints an entry. False if the entry is invalid. */
  entry(entry: Entry): boolean | Promise<boolean>;
  /** True once nothing more is to be printed. */
  readonly isDone: boolean;
}

class EntryPrinter implements Printer {
  readonly isDone = false;

  constructor(
    private readonly out: Output,
    private readonly where: object,
    private readonly asJson: boolean,
  ) {}

  entry(entry: Entry): boolean | Promise<boolean> {
    const json = entryToJson(entry);
    const line = this.out.line(this.asJson ? JSON.stringify({ ...this.where, ...json }) : forPeople(json));
    return line === undefined ? true : line.then(() => true);
  }
}

/** @returns whether anything was damaged */
async function dump(log: LogSnapshot, print: Printer, options: Options): Promise<boolean> {
  let isDamaged = warnOfRemarks(log.remarks);
  for await (const step of dumpLog(log, filterOf(options))) {
    if (step.type === 'entry') {
      const good = print.entry(step.entry);
      if (!(typeof good === 'boolean' ? good : await good)) isDamaged = true;
      if (print.isDone) break;
    } else if (step.type === 'torn') {
      warn(
        `${step.file}: ${step.bytes} bytes of a torn write at offset ${step.offset}; it was never acknowledged`,
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

function filterOf({ limit, prefix, fromKey, messages }: Options): DumpOptions {
  return {
    ...(limit === undefined || messages === true ? {} : { limit }),
    ...(prefix === undefined ? {} : { prefix: Buffer.from(prefix) }),
    ...(fromKey === undefined ? {} : { fromKey: Buffer.from(fromKey) }),
  };
}

function forPeople(entry: ReturnType<typeof entryToJson>): string {
  const key = entry.key === undefined ? `base64:${entry.key_base64}` : printable(entry.key);
  return `${timeText(entry.timestamp)}  ${entry.deleted === true ? 'delete' : 'put   '}  ${key}${valueOf(entry)}`;
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
