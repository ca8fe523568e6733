import type { BrokerClient, Receipt, ReceivedMessage } from './broker-client.js';
import type { BrokerProcess } from './broker-process.js';
import type { Ledger } from './ledger.js';

/** Rows in one NDJSON request. */
const ROWS_PER_REQUEST = 250;

/**
 * Loads a data set, one request after the other, so that the rows of a key stay in order. If the broker dies before it
 * answers, the rows are sent again to the next one: at least once.
 */
export async function load(broker: BrokerProcess, ledger: Ledger): Promise<{ resent: number }> {
  const { topic, messages } = ledger.dataset;
  let resent = 0;
  for (let first = 0; first < messages.length; first += ROWS_PER_REQUEST) {
    const rows = messages.slice(first, first + ROWS_PER_REQUEST);
    ledger.attempted = first + rows.length;
    for (let receipt: Receipt | undefined; receipt === undefined;) {
      const client = await broker.client();
      receipt = await unlessConnectionLost(client.publishLines(topic, rows));
      if (receipt === undefined) resent += rows.length;
      else ledger.acknowledge(first, rows.length, receipt);
    }
  }
  return { resent };
}

/** Undefined if the broker died before it answered. Any answer, good or bad, is passed on. */
export async function unlessConnectionLost<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isConnectionLost(error)) return undefined;
    throw error;
  }
}

/** `fetch` throws a TypeError if the connection is refused or breaks, even in the middle of a body. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof TypeError;
}

/** Reads everything stored, by partition. */
export async function readAll(client: BrokerClient, topic: string): Promise<ReceivedMessage[][]> {
  const { partition_count: count } = await client.topic(topic);
  const partitions: ReceivedMessage[][] = [];
  for (let partition = 0; partition < count; partition++) {
    const messages: ReceivedMessage[] = [];
    for await (const message of client.read(topic, partition)) messages.push(message);
    partitions.push(messages);
  }
  return partitions;
}
