import type { MessageJson, PartitionOffsetJson } from '../client/api.types.js';
import type { Output } from '../output.js';
import { forPeople, type MessageWriter } from './message-writer.js';
import type { OutFile } from './out-file.js';

/** Where consumed messages go. */
export interface Sink {
  /** @returns bytes written */
  write(messages: readonly MessageJson[]): Promise<number>;
  /** Resolves when everything written is safe there; only then may a group commit it. */
  checkpoint(offsets: readonly PartitionOffsetJson[]): Promise<void>;
}

export function fileSink(file: OutFile, writer: MessageWriter): Sink {
  return {
    async write(messages) {
      const text = writer.write(messages);
      await file.append(text);
      return text.length;
    },
    checkpoint: (offsets) => file.checkpoint(offsets),
  };
}

/** Standard output. What the reader of the pipe has received counts as safe. */
export function outputSink(out: Output, json: boolean): Sink {
  return {
    async write(messages) {
      let length = 0;
      for (const message of messages) {
        const line = json ? JSON.stringify(message) : forPeople(message);
        length += line.length + 1;
        const pending = out.line(line);
        if (pending !== undefined) await pending;
      }
      return length;
    },
    checkpoint: () => out.flush(),
  };
}
