import { readFileSync } from 'node:fs';
import type { OutgoingMessage } from './broker-client.js';

/** A data set as messages, in the order of the source. The header `row` numbers them from 0. */
export interface Dataset {
  readonly topic: string;
  readonly partitions: number;
  /** What the key means. */
  readonly keyedBy: string;
  readonly messages: readonly OutgoingMessage[];
}

interface Flight {
  date: string;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
}

interface Earthquakes {
  features: { id: string; properties: { net: string; time: number }; geometry: unknown }[];
}

/** Flights in the USA in 2001 (20,000 rows, or 2,000), keyed by the airport they left from. */
export function flights(rows: '2k' | '20k'): Dataset {
  const flights = JSON.parse(read(`flights-${rows}.json`)) as Flight[];
  return dataset('flights', 4, 'airport', flights, (flight) => ({
    key: flight.origin,
    value: flight,
    timestamp: Date.parse(`${flight.date.replaceAll('/', '-').replace(' ', 'T')}:00Z`),
  }));
}

/** 200,000 flights, without their airports: delay in minutes, distance in miles, time of the day in hours. */
export function shortFlights(): Dataset {
  const flights = JSON.parse(read('flights-200k.json')) as { distance: number }[];
  return dataset('flights', 4, 'distance', flights, (flight) => ({
    key: `${flight.distance}`,
    value: flight,
  }));
}

/** A week of earthquakes (USGS, 1,707 events, newest first), keyed by the seismic network that reported them. */
export function earthquakes(): Dataset {
  const { features } = JSON.parse(read('earthquakes.json')) as Earthquakes;
  return dataset('earthquakes', 2, 'network', features, (feature) => ({
    key: feature.properties.net,
    value: feature,
    timestamp: feature.properties.time,
  }));
}

/** Daily weather of Seattle and New York, 2012 to 2015 (2,922 rows), keyed by the city. */
export function weather(): Dataset {
  const [head, ...lines] = read('weather.csv').trim().split(/\r?\n/);
  const names = head!.split(',');
  const days = lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(names.map((name, i) => [name, fields[i]!]));
  });
  return dataset('weather', 2, 'city', days, (day) => ({
    key: day['location']!,
    value: day,
    timestamp: Date.parse(`${day['date']}T00:00:00Z`),
  }));
}

/** The number of a message in its data set. */
export function rowOf(message: { headers?: Record<string, string> }): number {
  return Number(message.headers?.['row']);
}

function dataset<T>(
  topic: string,
  partitions: number,
  keyedBy: string,
  rows: readonly T[],
  toMessage: (row: T) => OutgoingMessage,
): Dataset {
  const messages = rows.map((row, i) => ({ ...toMessage(row), headers: { row: `${i}` } }));
  return { topic, partitions, keyedBy, messages };
}

function read(file: string): string {
  return readFileSync(new URL(`../data/${file}`, import.meta.resolve('vega-datasets')), 'utf8');
}
