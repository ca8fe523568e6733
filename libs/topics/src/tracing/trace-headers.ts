import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { BytesLike } from '@genrocks/storage';
import type { Message } from '../message.js';

export type Carrier = Record<string, BytesLike>;

/** Writes `traceparent`, `tracestate`, `baggage` (or the propagator's own fields) into headers. */
export const headerSetter: TextMapSetter<Carrier> = {
  set: (carrier, name, value) => void (carrier[name] = value),
};

/** Reads them from the headers of a message, in any letter case. */
export const headerGetter: TextMapGetter<Message> = {
  keys: ({ headerBytes }) => headerBytes.map(([name]) => name.toLowerCase()),
  get: ({ headerBytes }, wanted) =>
    headerBytes.findLast(([name]) => name.toLowerCase() === wanted)?.[1]?.toString('utf8'),
};
