import { extname } from 'node:path';
import { InvalidArgumentError } from '@genrocks/storage';
import { Command, Option } from 'nest-commander';
import { PLACE_ALLOWED, parsePlace } from '../../http/place.js';
import { wholeNumber } from '../broker-command.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { FileCommand, type FileOptions } from '../file-command.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import type { ConsumeReport } from './consumer.js';
import { DEFAULT_COLUMNS, OUT_FORMATS, type OutFormat } from './message-writer.js';

interface Options extends FileOptions {
  out?: string;
  format?: OutFormat;
  columns?: string[];
  group?: string;
  from?: string;
  partition?: number[];
  limit?: number;
  follow?: boolean;
}

const OF_FILES = ['format', 'columns', 'positionFile', 'restart'] as const;

/** `genrocks consume`: prints messages, or writes them to a file. */
@Command({
  name: 'consume',
  arguments: '<topic>',
  description:
    'Print the messages of a topic, or write them to a file (--out), which resumes where it stopped after a kill',
})
export class ConsumeCommand extends FileCommand<Options> {
  @Option({
    flags: '-o, --out <path>',
    description: 'write to a file; the next run appends after what the file holds',
  })
  parseOut(path: string): string {
    return path;
  }

  @Option({
    flags: '--format <name>',
    description: 'format of the file: jsonl or csv (default: by its extension, or jsonl)',
  })
  parseFormat(name: string): OutFormat {
    const format = OUT_FORMATS.find((one) => one === name);
    if (format !== undefined) return format;
    throw new InvalidArgumentError(`--format: ${JSON.stringify(name)} is not allowed; jsonl or csv`);
  }

  @Option({
    flags: '--columns <names>',
    description: `CSV columns, comma-separated (default: ${DEFAULT_COLUMNS.join(',')}); value.id is a field of the value`,
  })
  parseColumns(names: string): string[] {
    return names.split(',').map((name) => name.trim());
  }

  @Option({
    flags: '-g, --group <name>',
    description: 'start at the offsets of this group, and commit what was printed or written',
  })
  parseGroup(name: string): string {
    return name;
  }

  @Option({
    flags: '--from <place>',
    description: `where to start if neither group nor file says so: ${PLACE_ALLOWED} (default: earliest)`,
  })
  parseFrom(place: string): string {
    if (parsePlace(place) !== undefined) return place;
    throw new InvalidArgumentError(`--from: ${JSON.stringify(place)} is not allowed; ${PLACE_ALLOWED}`);
  }

  @Option({ flags: '-p, --partition <number>', description: 'only this partition; may be repeated' })
  parsePartition(text: string, before: number[] = []): number[] {
    return [...before, wholeNumber('--partition', text)];
  }

  @Option({ flags: '-n, --limit <count>', description: 'stop after this many messages' })
  parseLimit(text: string): number {
    return wholeNumber('--limit', text, 1);
  }

  @Option({ flags: '--follow', description: 'wait for new messages, until SIGINT or SIGTERM' })
  parseFollow(): boolean {
    return true;
  }

  protected async work(
    client: BrokerClient,
    [name]: readonly string[],
    options: Options,
    out: Output,
  ): Promise<number> {
    const { out: path, follow = false, json = false, quiet = false } = options;
    if (follow && !client.isShared)
      throw new InvalidArgumentError(
        '--follow: no message can arrive while this command has the directory open; follow a broker with --url',
      );
    if (path === undefined) this.assertLeftOut(options, OF_FILES, '--out');
    else if ((options.format ?? formatOf(path)) !== 'csv') this.assertLeftOut(options, ['columns'], 'CSV');
    const { Consumer } = await import('./consumer.js');
    const { OutFile } = await import('./out-file.js');
    const { fileSink, outputSink } = await import('./sink.js');
    const topic = await client.topic(name!);
    const progress = new Progress(this.terminal, 'consumed', quiet || path === undefined);
    const consume = async (sink: ReturnType<typeof outputSink>, resumed?: ConsumeReport['offsets']) => {
      const { group, from = 'earliest', limit = Infinity, partition: partitions } = options;
      const signal = this.terminal.signal();
      const what = { topic, group, from, limit, follow, partitions, resumed, signal };
      const report = await new Consumer(client, sink, what, progress, this.terminal).run();
      progress.end();
      if (path === undefined) return EXIT.ok;
      if (!quiet) this.terminal.note(progress.describe());
      if (json) await out.line(JSON.stringify(report));
      return signal.aborted && !follow ? EXIT.interrupted : EXIT.ok;
    };
    if (path === undefined) return consume(outputSink(out, json));

    const { createWriter } = await import('./message-writer.js');
    const {
      format = formatOf(path),
      columns = [...DEFAULT_COLUMNS],
      positionFile,
      restart = false,
    } = options;
    const writer = await createWriter(format, columns);
    const file = await OutFile.open({
      path,
      positionPath: positionFile,
      restart,
      content: { topic: topic.name, topic_id: topic.id, format, ...(format === 'csv' ? { columns } : {}) },
      head: writer.head,
    });
    try {
      const { resumed, cut } = file;
      if (resumed !== undefined)
        this.terminal.note(
          `appending to ${path} after ${resumed.bytes} bytes${cut === 0 ? '' : `; cut off ${cut} bytes of an unfinished write`}`,
        );
      return await consume(fileSink(file, writer), resumed?.offsets);
    } finally {
      await file.close();
    }
  }
}

function formatOf(path: string): OutFormat {
  return extname(path).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
}
