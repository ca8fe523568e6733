import { GenRocksError } from '@genrocks/storage';
import type {
  DeadLetterFilterJson,
  DeadLetterJson,
  GroupJson,
  GroupSummaryJson,
  OffsetJson,
  PageJson,
  PartitionOffsetJson,
  ReceiptJson,
  RedriveJson,
  TopicJson,
} from './api.types.js';
import { type ApiRequest, type Transport, UnexpectedAnswerError } from './transport.js';

export interface ReadOptions {
  readonly offset: number;
  readonly limit: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ResetOptions {
  readonly to: string;
  readonly topics?: readonly string[];
  readonly partition?: number;
  readonly dry_run?: boolean;
}

/** A problem document of the broker, as an error with the same code. */
export class BrokerError extends GenRocksError {}

/** The HTTP API as functions. Every one throws `BrokerError` with the code of the problem, or `CONNECTION_FAILED`. */
export class BrokerClient {
  constructor(private readonly transport: Transport) {}

  get isShared(): boolean {
    return this.transport.isShared;
  }

  topics(): Promise<TopicJson[]> {
    return this.list('v1/topics', 'topics');
  }

  topic(name: string): Promise<TopicJson> {
    return this.get(topicPath(name));
  }

  createTopic(body: object): Promise<TopicJson> {
    return this.post('v1/topics', body);
  }

  deleteTopic(name: string): Promise<void> {
    return this.request({ method: 'DELETE', path: topicPath(name) });
  }

  changeTopic(name: string, action: 'truncate' | 'stop' | 'start'): Promise<TopicJson> {
    return this.post(`${topicPath(name)}/${action}`);
  }

  addPartitions(name: string, total: number): Promise<TopicJson> {
    return this.post(`${topicPath(name)}/partitions`, { total });
  }

  offsets(name: string, at: string): Promise<PartitionOffsetJson[]> {
    const path = `${topicPath(name)}/offsets?${query({ at })}`;
    return this.list(path, 'offsets');
  }

  /** @param lines messages, one JSON object a line */
  publishLines(name: string, lines: Buffer, signal?: AbortSignal): Promise<ReceiptJson> {
    const body = { type: 'application/x-ndjson', bytes: lines };
    return this.request({ method: 'POST', path: `${topicPath(name)}/messages`, body, signal });
  }

  read(name: string, partition: number, options: ReadOptions): Promise<PageJson> {
    const { offset, limit, maxBytes, waitMs, signal } = options;
    const where = query({ offset, limit, max_bytes: maxBytes, wait_ms: waitMs });
    const path = `${topicPath(name)}/partitions/${partition}/messages?${where}`;
    return this.request({ method: 'GET', path, waitMs, signal });
  }

  groups(): Promise<GroupSummaryJson[]> {
    return this.list('v1/groups', 'groups');
  }

  group(group: string): Promise<GroupJson> {
    return this.get(groupPath(group));
  }

  deleteGroup(group: string): Promise<void> {
    return this.request({ method: 'DELETE', path: groupPath(group) });
  }

  commit(group: string, offsets: readonly OffsetJson[]): Promise<GroupJson> {
    return this.post(`${groupPath(group)}/offsets`, { offsets });
  }

  reset(group: string, options: ResetOptions): Promise<{ dry_run: boolean; offsets: OffsetJson[] }> {
    return this.post(`${groupPath(group)}/reset`, options);
  }

  deadLetters(name: string, filter: DeadLetterFilterJson): Promise<DeadLetterJson[]> {
    const path = `${topicPath(name)}/dead-letters?${query({ ...filter })}`;
    return this.list(path, 'dead_letters');
  }

  redrive(
    name: string,
    options: DeadLetterFilterJson & { to?: string; dry_run?: boolean },
  ): Promise<RedriveJson> {
    return this.post(`${topicPath(name)}/redrive`, options);
  }

  async close(): Promise<void> {
    await this.transport.close();
  }

  private get<T>(path: string): Promise<T> {
    return this.request({ method: 'GET', path });
  }

  /** @param field the field that holds the list */
  private async list<T>(path: string, field: string): Promise<T[]> {
    const { status, text, json } = await this.exchange({ method: 'GET', path });
    const list = (json as Readonly<Record<string, unknown>>)[field];
    if (!Array.isArray(list)) throw new UnexpectedAnswerError(status, text);
    return list as T[];
  }

  private post<T>(path: string, body?: object): Promise<T> {
    if (body === undefined) return this.request({ method: 'POST', path });
    const bytes = Buffer.from(JSON.stringify(body));
    return this.request({ method: 'POST', path, body: { type: 'application/json', bytes } });
  }

  private async request<T>(request: ApiRequest): Promise<T> {
    return (await this.exchange(request)).json as T;
  }

  /** @throws the broker's problem as `BrokerError`; `UNEXPECTED_ANSWER` if the answer is not an object */
  private async exchange(request: ApiRequest): Promise<{ status: number; text: string; json: unknown }> {
    const { status, text } = await this.transport.send(request);
    const json = parse(text);
    if (status >= 400) throw toError(status, text, json);
    const isObject = typeof json === 'object' && json !== null;
    if (status >= 300 || (!isObject && status !== 204)) throw new UnexpectedAnswerError(status, text);
    return { status, text, json };
  }
}

function topicPath(name: string): string {
  return `v1/topics/${segment(name, 'topic')}`;
}

function groupPath(group: string): string {
  return `v1/groups/${segment(group, 'group')}`;
}

/** Refuses an empty name, "." and "..": in a path they would address something else. */
function segment(name: string, what: string): string {
  if (['', '.', '..'].includes(name))
    throw new BrokerError('INVALID_ARGUMENT', `${JSON.stringify(name)} is not a valid ${what} name`, false);
  return encodeURIComponent(name);
}

function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) params.set(name, String(value));
  return params.toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function toError(status: number, text: string, json: unknown): GenRocksError {
  const { code, detail, retriable, details } = (json ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof detail !== 'string') return new UnexpectedAnswerError(status, text);
  return new BrokerError(code, detail, retriable === true, {
    details: { ...((details ?? {}) as Record<string, unknown>), status },
  });
}
