import { readEvents } from './sse.js';

/** A message to publish. */
export interface OutgoingMessage {
  key?: string | null;
  value: unknown;
  headers?: Record<string, string>;
  partition?: number;
  timestamp?: number;
}

/** A message from the HTTP API. */
export interface ReceivedMessage {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: unknown;
  headers: Record<string, string>;
}

/** The answer to many messages published at once. */
export interface Receipt {
  topic: string;
  count: number;
  partitions: { partition: number; count: number; first_offset: number; last_offset: number }[];
}

export interface Topic {
  name: string;
  adapter: string;
  partition_count: number;
  partitions: {
    partition: number;
    start_offset: number;
    end_offset: number;
    bytes?: number;
    storage?: Record<string, unknown>;
  }[];
}

export interface Group {
  group: string;
  lag: number;
  offsets: { topic: string; partition: number; committed: number | null; end_offset: number; lag: number }[];
}

export interface OffsetCommit {
  topic: string;
  partition: number;
  offset: number;
}

/** An event of a stream: a message, or offsets that retention dropped before they were read. */
export type StreamEvent = { type: 'message'; message: ReceivedMessage } | { type: 'lost'; lost: Lost };

/** Offsets `from` to `to - 1`. */
export interface Lost {
  topic: string;
  partition: number;
  from: number;
  to: number;
}

/** An answer other than 2xx: problem details with the broker's error code. */
export class BrokerError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${status} ${code}: ${detail}`);
  }
}

/** The part of the broker's HTTP API that the examples use. */
export class BrokerClient {
  constructor(
    readonly url: string,
    /** Counts the starts of the broker: 1 for the first. */
    readonly start: number,
  ) {}

  createTopic(name: string, partitions: number, storage?: Record<string, unknown>): Promise<Topic> {
    return this.post('/v1/topics', { name, partitions, ...(storage === undefined ? {} : { storage }) });
  }

  topic(name: string): Promise<Topic> {
    return this.request(`/v1/topics/${encodeURIComponent(name)}`);
  }

  publish(topic: string, message: OutgoingMessage): Promise<{ partition: number; offset: number }> {
    return this.post(`/v1/topics/${encodeURIComponent(topic)}/messages`, message);
  }

  publishBatch(topic: string, messages: readonly OutgoingMessage[]): Promise<Receipt> {
    return this.post(`/v1/topics/${encodeURIComponent(topic)}/messages`, { messages });
  }

  /** Publishes one message per line. Answered when all of them are durable. */
  publishLines(topic: string, messages: readonly OutgoingMessage[]): Promise<Receipt> {
    return this.request(`/v1/topics/${encodeURIComponent(topic)}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: messages.map((message) => `${JSON.stringify(message)}\n`).join(''),
    });
  }

  /** Every retained message of a partition, in offset order. */
  async *read(topic: string, partition: number): AsyncGenerator<ReceivedMessage> {
    let offset: number | 'earliest' = 'earliest';
    for (;;) {
      const path = `/v1/topics/${encodeURIComponent(topic)}/partitions/${partition}/messages`;
      const page: { messages: ReceivedMessage[]; next_offset: number; end_offset: number } =
        await this.request(`${path}?offset=${offset}&limit=1000`);
      yield* page.messages;
      offset = page.next_offset;
      if (offset >= page.end_offset) return;
    }
  }

  /** Streams all partitions from the group's committed offsets until the signal aborts. */
  async *stream(topic: string, group: string, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const path = `/v1/topics/${encodeURIComponent(topic)}/stream`;
    const query = `group=${encodeURIComponent(group)}&from=earliest`;
    const response = await fetch(`${this.url}${path}?${query}`, { signal });
    if (!response.ok) throw await toError(response);
    for await (const { event, data } of readEvents(response.body!)) {
      const json: unknown = JSON.parse(data);
      if (event === 'message') yield { type: 'message', message: json as ReceivedMessage };
      else if (event === 'lost') yield { type: 'lost', lost: json as Lost };
      else throw new Error(`the stream ended: ${data}`);
    }
  }

  commit(group: string, offsets: readonly OffsetCommit[]): Promise<Group> {
    return this.post(`/v1/groups/${encodeURIComponent(group)}/offsets`, { offsets });
  }

  group(group: string): Promise<Group> {
    return this.request(`/v1/groups/${encodeURIComponent(group)}`);
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return this.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  private async request<T>(path: string, init?: RequestInit): Promise<T> {
    const response = await fetch(this.url + path, init);
    if (!response.ok) throw await toError(response);
    return (await response.json()) as T;
  }
}

async function toError(response: Response): Promise<BrokerError> {
  const problem = (await response.json()) as { code?: string; detail?: string };
  return new BrokerError(response.status, problem.code ?? 'UNKNOWN', problem.detail ?? response.statusText);
}
