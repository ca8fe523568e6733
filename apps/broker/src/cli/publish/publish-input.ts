import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { isGenRocksError } from '@genrocks/storage';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { Progress } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { InputFile, type PublishPosition } from './input-file.js';
import { type EncoderOptions, MessageEncoder } from './message-encoder.js';
import type { Progressed } from './publish-progress.js';
import { RecordPublisher } from './record-publisher.js';
import { type Format, readRecords } from './record-reader.js';

export interface PublishInputOptions extends EncoderOptions {
  readonly topic: string;
  /** `-` is standard input. */
  readonly file: string;
  readonly format: Format;
  readonly positionFile?: string | undefined;
  readonly restart: boolean;
  readonly quiet: boolean;
}

export interface PublishReport {
  readonly topic: string;
  /** Records published by this run. */
  readonly published: number;
  /** Records that earlier runs published without a gap. */
  readonly resumed_at: number;
  /** False if a signal ended the run; run it again to resume. */
  readonly complete: boolean;
}

/** Interval at which the position is saved, in milliseconds. A kill may repeat what was published since. */
const SAVE_EVERY_MS = 250;

/** Publishes a file or standard input; see `genrocks publish --help`. */
export async function publishInput(
  client: BrokerClient,
  terminal: Terminal,
  options: PublishInputOptions,
): Promise<PublishReport> {
  const { topic, format, quiet } = options;
  const file = options.file === '-' ? undefined : await openInput(options);
  const known = await existing(client, topic);
  const from = await file?.resume(topic, known?.id, format);
  if (from !== undefined)
    terminal.note(`resuming after record ${from.records}, the position in ${file!.position.path}`);
  const {
    bytes = 0,
    records = 0,
    ahead,
    columns,
    run = randomUUID(),
  } = from ?? ({} as Partial<PublishPosition>);

  // A topic that publishing creates has no dedup.
  const idPrefix = options.idField === undefined && known?.dedup !== undefined ? run : undefined;
  const input: Readable = file?.stream(bytes) ?? terminal.stdin;
  const source = readRecords(input, format, new MessageEncoder({ ...options, idPrefix }), {
    bytes,
    records,
    columns,
  });
  const progress = new Progress(terminal, 'published', quiet, file && file.size - bytes);
  const topicId = async () => known?.id ?? (await client.topic(topic)).id;
  const saver = new PositionSaver(file, { version: 1, topic, format, run }, topicId, () => source.columns());
  const signal = terminal.signal();
  let stored: Progressed = { records, bytes, ahead };
  // Save the run's name first: ids must be the same after a kill, however early it comes.
  if (idPrefix !== undefined && from === undefined) await saver.begin();
  const publisher = new RecordPublisher(
    {
      signal,
      send: (lines) => client.publishLines(topic, lines),
      onStored: async (now, count, isPart) => {
        progress.add(count, now.bytes - stored.bytes);
        stored = now;
        await saver.save(stored, isPart);
      },
      onRetry: ({ code, message }, pause) => terminal.note(`${code}: ${message}; retrying in ${pause} ms`),
    },
    stored,
  );
  // A pipe may stay silent forever; the signal ends the wait.
  const interrupt = () => void input.destroy();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    await publisher.run(source);
  } catch (error) {
    if (!signal.aborted || (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE')
      throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    progress.end();
    await saver.save(stored, true);
  }
  const complete = !signal.aborted;
  if (complete) await file?.position.remove();
  if (!quiet) terminal.note(progress.describe());
  return { topic, published: progress.count, resumed_at: records, complete };
}

async function existing(client: BrokerClient, topic: string): Promise<TopicJson | undefined> {
  try {
    return await client.topic(topic);
  } catch (error) {
    if (isGenRocksError(error, 'TOPIC_NOT_FOUND')) return undefined;
    throw error;
  }
}

async function openInput({ file, topic, positionFile, restart }: PublishInputOptions): Promise<InputFile> {
  const input = await InputFile.open(file, topic, positionFile);
  if (restart) await input.position.remove();
  return input;
}

/** Updates the position file as records are stored. */
class PositionSaver {
  private savedAt = performance.now();
  private saved = 0;
  private savedAhead: number | undefined;
  private id: string | undefined;

  constructor(
    private readonly file: InputFile | undefined,
    private readonly fixed: Pick<PublishPosition, 'version' | 'topic' | 'format' | 'run'>,
    private readonly topicId: () => Promise<string>,
    private readonly columns: () => readonly string[] | undefined,
  ) {}

  async begin(): Promise<void> {
    await this.write({ records: 0, bytes: 0 });
  }

  async save(progress: Progressed, atOnce: boolean): Promise<void> {
    const { bytes, ahead } = progress;
    const isNews = bytes !== this.saved || ahead?.records.length !== this.savedAhead;
    if (!isNews) return;
    if (!atOnce && performance.now() - this.savedAt < SAVE_EVERY_MS) return;
    await this.write(progress);
    this.savedAt = performance.now();
    this.saved = bytes;
    this.savedAhead = ahead?.records.length;
  }

  private async write({ records, bytes, ahead }: Progressed): Promise<void> {
    const { file, fixed } = this;
    if (file === undefined) return;
    const topic_id = (this.id ??= await this.topicId());
    const fingerprint = await file.fingerprint(bytes);
    // Before the first record, the header line has not been read yet.
    const columns = bytes === 0 ? undefined : this.columns();
    await file.position.write({
      ...fixed,
      topic_id,
      records,
      bytes,
      fingerprint,
      columns,
      ...(ahead === undefined
        ? {}
        : { ahead: { ...ahead, fingerprint: await file.fingerprint(ahead.bytes, bytes) } }),
    });
  }
}
