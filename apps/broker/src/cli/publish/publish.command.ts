import { extname } from 'node:path';
import { InvalidArgumentError } from '@genrocks/storage';
import { Command, Option } from 'nest-commander';
import { wholeNumber } from '../broker-command.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { FileCommand, type FileOptions } from '../file-command.js';
import { type Output, printable } from '../output.js';
import { MessageEncoder } from './message-encoder.js';
import { type Format, FORMATS } from './record-reader.js';

interface Options extends FileOptions {
  file?: string;
  format?: Format;
  keyField?: string;
  idField?: string;
  id?: string;
  key?: string;
  value?: string;
  text?: string;
  tombstone?: boolean;
  header?: Record<string, string>;
  partition?: number;
}

const OF_FILES = ['format', 'keyField', 'idField', 'positionFile', 'restart'] as const;

/** `genrocks publish`: publishes one message, or all records of a file or standard input. */
@Command({
  name: 'publish',
  arguments: '<topic>',
  description:
    'Publish one message (--value, --text), or a file (--file), which resumes where it stopped after a kill',
})
export class PublishCommand extends FileCommand<Options> {
  protected override readonly mayCreateLogDir = true;

  @Option({ flags: '-f, --file <path>', description: 'publish every record of a file; - is standard input' })
  parseFile(path: string): string {
    return path;
  }

  @Option({
    flags: '--format <name>',
    description:
      'jsonl: one value per line; csv: one value per row, after a header; lines: one text per line; ' +
      'messages: the output of consume --json (default: by the file extension, or jsonl)',
  })
  parseFormat(name: string): Format {
    const format = FORMATS.find((one) => one === name);
    if (format !== undefined) return format;
    throw new InvalidArgumentError(
      `--format: ${JSON.stringify(name)} is not allowed; one of ${FORMATS.join(', ')}`,
    );
  }

  @Option({ flags: '--key-field <name>', description: 'field or column of a record that holds the key' })
  parseKeyField(name: string): string {
    return name;
  }

  @Option({
    flags: '--id-field <name>',
    description:
      'field or column of a record that holds the message id (default: a generated id, if the topic has dedup)',
  })
  parseIdField(name: string): string {
    return name;
  }

  @Option({ flags: '--id <id>', description: 'id of the message; a topic with dedup stores it once' })
  parseId(id: string): string {
    return id;
  }

  @Option({ flags: '-k, --key <key>', description: 'the key' })
  parseKey(key: string): string {
    return key;
  }

  @Option({ flags: '-v, --value <json>', description: 'publish one message with this value, in JSON' })
  parseValue(json: string): string {
    return json;
  }

  @Option({ flags: '-t, --text <text>', description: 'publish one message with this text' })
  parseText(text: string): string {
    return text;
  }

  @Option({ flags: '--tombstone', description: 'publish one message without a value' })
  parseTombstone(): boolean {
    return true;
  }

  @Option({ flags: '-H, --header <name=value>', description: 'a header; may be repeated' })
  parseHeader(text: string, before: Record<string, string> = {}): Record<string, string> {
    const at = text.indexOf('=');
    if (at < 1)
      throw new InvalidArgumentError(`--header: ${JSON.stringify(text)} is not allowed; name=value`);
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  }

  @Option({
    flags: '-p, --partition <number>',
    description: 'partition (default: chosen by the routing of the topic)',
  })
  parsePartition(text: string): number {
    return wholeNumber('--partition', text);
  }

  protected async work(
    client: BrokerClient,
    [topic]: readonly string[],
    options: Options,
    out: Output,
  ): Promise<number> {
    const { value, text, tombstone, file } = options;
    const given = [value, text, tombstone, file].filter((one) => one !== undefined).length;
    if (given !== 1) throw new InvalidArgumentError('give one of --value, --text, --tombstone and --file');
    if (file !== undefined && options.id !== undefined)
      throw new InvalidArgumentError(
        '--id is for a single message; name a field of the records with --id-field',
      );
    if (file === undefined) this.assertLeftOut(options, OF_FILES, '--file');
    return file === undefined
      ? this.publishOne(client, topic!, options, out)
      : this.publishFile(client, topic!, { ...options, file }, out);
  }

  private async publishOne(
    client: BrokerClient,
    topic: string,
    { value, text, key, id, header: headers, partition, json }: Options,
    out: Output,
  ): Promise<number> {
    const encoder = new MessageEncoder({ key, id, headers, partition });
    const line = text === undefined ? encoder.value(value ?? 'null', 1) : encoder.text(text, 1);
    const receipt = await client.publishLines(topic, Buffer.from(line));
    const [stored] = receipt.partitions;
    const result = { topic, partition: stored!.partition, offset: stored!.first_offset };
    await out.line(
      json === true ? JSON.stringify(result) : `${printable(topic)}/${result.partition}@${result.offset}`,
    );
    return EXIT.ok;
  }

  private async publishFile(
    client: BrokerClient,
    topic: string,
    options: Options & { file: string },
    out: Output,
  ): Promise<number> {
    const { file, format = formatOf(file), positionFile, restart = false, quiet = false, json } = options;
    const { publishInput } = await import('./publish-input.js');
    const report = await publishInput(client, this.terminal, {
      topic,
      file,
      format,
      key: options.key,
      keyField: options.keyField,
      idField: options.idField,
      headers: options.header,
      partition: options.partition,
      positionFile,
      restart,
      quiet,
    });
    if (json === true) await out.line(JSON.stringify(report));
    return report.complete ? EXIT.ok : EXIT.interrupted;
  }
}

function formatOf(file: string): Format {
  const ending = extname(file).toLowerCase();
  if (ending === '.csv') return 'csv';
  return ending === '.txt' || ending === '.log' ? 'lines' : 'jsonl';
}
