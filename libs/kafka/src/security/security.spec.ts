import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { metadata } from '../protocol/apis/metadata.js';
import { saslAuthenticate } from '../protocol/apis/sasl-authenticate.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';
import { type KafkaClientAuth, resolveKafkaOptions } from '../options.js';
import { UserAccess } from './rights.js';
import { parseScramCredential, scramCredential } from './scram-credential.js';
import { type KafkaUser, Users } from './users.js';

describe('patterns of rights', () => {
  it.each([
    ['orders', ['orders'], ['orders1', 'order', '']],
    ['orders*', ['orders', 'orders-eu'], ['order', 'my-orders']],
    ['*', ['', 'anything'], []],
    ['a*b*c', ['abc', 'axbxc', 'abbcc'], ['ab', 'acb', 'abcd']],
    ['ab*ba', ['abba', 'abxba'], ['aba', 'ab']],
    ['*-eu', ['x-eu', '-eu'], ['eu', 'x-eu-']],
  ])('%s', (pattern, matching, others) => {
    const access = new UserAccess([{ topics: [pattern], allow: ['read'] }]);
    for (const name of matching) expect(access.topic('read', name), name).toBe(true);
    for (const name of others) expect(access.topic('read', name), name).toBe(false);
    expect(access.topic('write', matching[0]!)).toBe(false);
    expect(access.group('read', matching[0]!)).toBe(false);
  });
});

describe('users', () => {
  const secret = Buffer.alloc(32, 7);

  it('can log in with a stored credential or a password, and wrong passwords fail', async () => {
    const scram = await scramCredential('builder', { hash: 'sha256' });
    const users = new Users(
      [
        { name: 'bob', scram },
        { name: 'alice', password: 'wonder' },
      ],
      secret,
    );
    for (let round = 0; round < 2; round++) {
      expect(await users.isPassword('bob', 'builder')).toBe(true);
      expect(await users.isPassword('alice', 'wonder')).toBe(true);
      for (const name of ['bob', 'alice', 'mallory', '']) {
        expect(await users.isPassword(name, 'wrong')).toBe(false);
        expect(await users.isPassword(name, '')).toBe(false);
      }
    }
  });

  it('that do not exist get a salt and iterations like known ones, unchanged after a restart', async () => {
    const known: KafkaUser[] = [
      { name: 'bob', scram: await scramCredential('builder', { hash: 'sha512', iterations: 5000 }) },
    ];
    const before = await new Users(known, secret).credential('mallory', 'sha512');
    const after = await new Users(known, secret).credential('mallory', 'sha512');
    expect(before).toEqual(after);
    expect(before.salt).toHaveLength(16);
    expect(before.iterations).toBe(5000);
    const other = await new Users(known, secret).credential('eve', 'sha512');
    expect(other.salt).not.toEqual(before.salt);
  });

  it('with invalid options are refused', () => {
    const wrong = (users: unknown) => () => resolveKafkaOptions({ users: users as KafkaUser[] });
    expect(wrong([])).toThrowError(/kafka.users/);
    expect(wrong([{ name: 'a' }])).toThrowError(/neither a password/);
    expect(wrong([{ name: 'a b', password: 'x' }])).toThrowError(/name/);
    expect(wrong([{ name: 'a', password: 'x', rights: [{ topics: ['*'], allow: [] }] }])).toThrowError(
      /allow/,
    );
    expect(parseScramCredential('SCRAM-SHA-256$1:c2FsdA==$AAAA:AAAA')).toBeUndefined();
  });
});

describe('certificates of clients', () => {
  const tls = { cert: 'c', key: 'k' };

  it.each(['requested', 'required'] as const)('need an authority if they are %s', (clientAuth) => {
    expect(() => resolveKafkaOptions({ tls: { ...tls, clientAuth } })).toThrowError(/kafka.tls.ca: missing/);
    expect(resolveKafkaOptions({ tls: { ...tls, ca: 'a', clientAuth } }).tls).toMatchObject({ clientAuth });
  });

  it('accept no other value of clientAuth', () => {
    const clientAuth = 'maybe' as KafkaClientAuth;
    expect(() => resolveKafkaOptions({ tls: { ...tls, clientAuth } })).toThrowError(/kafka.tls.clientAuth/);
  });
});

describe('a connection that authenticates', () => {
  let embedded: Embedded;
  let client: RawClient;
  beforeEach(async () => {
    const users = { al: 'pw', bo: 'bp' };
    const rights = [{ topics: ['t'], allow: ['read'] as const }];
    embedded = await embed(
      {
        users: [
          { name: 'al', password: users.al },
          { name: 'bo', password: users.bo, rights },
        ],
      },
      { topics: [{ name: 't' }, { name: 'u' }] },
    );
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const login = async (name: string, password: string) => {
    expect((await client.call(saslHandshake, 1, { mechanism: 'PLAIN' })).errorCode).toBe(0);
    const authBytes = Buffer.from(`\0${name}\0${password}`);
    return client.call(saslAuthenticate, 2, { authBytes });
  };
  const topics = async () =>
    (await client.call(metadata, 1, { topics: null })).topics.map(({ name }) => name);

  it('may authenticate again, as the same or another user; no session expires', async () => {
    expect(await login('al', 'pw')).toMatchObject({ errorCode: 0, sessionLifetimeMs: 0 });
    expect(await topics()).toEqual(['t', 'u']);
    expect(await login('al', 'pw')).toMatchObject({ errorCode: 0 });
    expect(await topics()).toEqual(['t', 'u']);
    expect(await login('bo', 'bp')).toMatchObject({ errorCode: 0 });
    expect(await topics()).toEqual(['t']);
  });

  it('is closed after the answer to a failed login, even if it was authenticated before', async () => {
    expect(await login('al', 'pw')).toMatchObject({ errorCode: 0 });
    expect(await login('al', 'no')).toMatchObject({ errorCode: 58, errorMessage: 'authentication failed' });
    await client.closed;
  });

  it('gets the rights of a reload, and is closed when its user is removed', async () => {
    expect(await login('al', 'pw')).toMatchObject({ errorCode: 0 });
    const rights = [{ topics: ['u'], allow: ['read'] as const }];
    await embedded.listener.reload({ users: [{ name: 'al', password: 'new', rights }] });
    expect(await topics()).toEqual(['u']);
    const wrong = { tls: { cert: 'c', key: 'k' }, users: { al: 'newer' } };
    await expect(embedded.listener.reload(wrong)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    expect(await login('al', 'new')).toMatchObject({ errorCode: 0 });
    await embedded.listener.reload({ users: { bo: 'bp' } });
    await expect(topics()).rejects.toThrow('closed');
  });
});

describe('a handshake of version 0', () => {
  let embedded: Embedded;
  const users = { al: 'pw' };
  afterEach(() => embedded.app.close());

  const token = async (client: RawClient, text: string) => {
    const answer = client.frame();
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length);
    client.socket.write(Buffer.concat([length, bytes]));
    return answer;
  };

  it('continues with bare tokens, then with requests', async () => {
    embedded = await embed({ users }, { topics: [{ name: 't' }] });
    const client = await RawClient.connect(embedded.port);
    expect((await client.call(saslHandshake, 0, { mechanism: 'PLAIN' })).errorCode).toBe(0);
    expect(await token(client, '\0al\0pw')).toHaveLength(0);
    expect((await client.call(metadata, 1, { topics: null })).topics).toHaveLength(1);
    client.end();
  });

  it.each([
    ['a wrong password', '\0al\0no'],
    ['nothing', ''],
    ['garbage', 'x'.repeat(9_000)],
  ])('ends the connection on %s', async (_name, text) => {
    embedded = await embed({ users });
    const client = await RawClient.connect(embedded.port);
    await client.call(saslHandshake, 0, { mechanism: 'PLAIN' });
    token(client, text).catch(() => {});
    await client.closed;
  });
});
