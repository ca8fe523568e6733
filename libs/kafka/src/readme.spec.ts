import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from './__fixtures__/embedded.js';
import { RawClient } from './__fixtures__/raw-client.js';
import * as apis from './protocol/apis/index.js';
import type { Api } from './protocol/schema/api.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the README', () => {
  let embedded: Embedded;
  afterEach(() => embedded.app.close());

  it('lists exactly the APIs and versions of ApiVersions', async () => {
    embedded = await embed();
    const client = await RawClient.connect(embedded.port);
    const { apiKeys } = await client.call(apis.apiVersions, 4, {
      clientSoftwareName: 'x',
      clientSoftwareVersion: '1',
    });
    const names = new Map((Object.values(apis) as unknown as Api[]).map(({ key, name }) => [key, name]));
    const told = apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
      String(apiKey),
      names.get(apiKey),
      `${minVersion}-${maxVersion}`,
    ]);
    const listed = [...README.matchAll(/^\| (\d+) +\| (\w+) +\| (\d+-\d+) +\|$/gm)].map((row) =>
      row.slice(1, 4),
    );
    expect(listed).toEqual(told);
    client.end();
  });
});
