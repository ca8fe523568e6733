import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('requests/', import.meta.url);

/** Requests of real clients, recorded by `tools/record-requests.mjs`, with their lengths. */
export const RECORDED: readonly { readonly client: string; readonly requests: readonly Buffer[] }[] =
  readdirSync(FOLDER).map((name) => {
    const requests = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as string[];
    return { client: name.replace('.json', ''), requests: requests.map((hex) => Buffer.from(hex, 'hex')) };
  });
