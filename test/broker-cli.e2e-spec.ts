/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call -- supertest gives bodies as any */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { post, rawConnection, readToEnd, readUntil } from './broker-raw.js';
import { BIN, BUILT, Genrocks } from './genrocks-process.js';

describe.skipIf(!BUILT)('the genrocks command', () => {
  let cwd: string;
  const running: Genrocks[] = [];

  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'genrocks-cli-'));
  });

  afterEach(async () => {
    for (const { child, exit } of running.splice(0)) {
      child.kill('SIGKILL');
      await exit;
    }
    await rm(cwd, { recursive: true, force: true });
  });

  function run(args: string[], env: Record<string, string> = {}): Genrocks {
    const genrocks = Genrocks.run(args, cwd, env);
    running.push(genrocks);
    return genrocks;
  }

  const serve = (env: Record<string, string> = {}) =>
    run(['serve'], { GENROCKS_HTTP_PORT: '0', GENROCKS_KAFKA_PORT: '0', ...env });

  it.skipIf(!existsSync('/dev/full'))('commits nothing that standard output did not take', async () => {
    await run(['publish', 'orders', '--value', '1', '--log-dir', 'data']).exit;
    const full = openSync('/dev/full', 'w');
    const args = [BIN, 'consume', 'orders', '--group', 'billing', '--log-dir', 'data'];
    const consume = spawnSync(process.execPath, args, { cwd, stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    expect(consume.status).toBe(3);
    expect(consume.stderr.toString()).toMatch(
      /^genrocks: WRITE_FAILED: standard output .*the device is full.*\n$/,
    );
    const groups = run(['group', 'list', '--json', '--log-dir', 'data']);
    expect([await groups.exit, groups.out]).toEqual([0, '']);
  });

  it('shows help, and exits with an error for what it does not know', async () => {
    const help = run(['--help']);
    expect(await help.exit).toBe(0);
    expect(help.out).toContain('serve');
    const unknown = run(['sreve']);
    expect(await unknown.exit).toBe(1);
    expect(unknown.err).toMatch(/unknown command 'sreve'[^]*Usage: genrocks/);
    expect(await run(['serve', '--nonsense']).exit).toBe(1);
    expect((await run(['--version']).exit) ?? 1).toBe(0);
  });

  it('tells every mistake of the configuration, one line each, without a stack', async () => {
    await writeFile(
      join(cwd, 'other.yaml'),
      'http: { prot: 1 }\nstorage: { adapter: floppy }\nkafka: { port: nowhere }\n',
    );
    const genrocks = run(['serve', '--config', 'other.yaml'], { GENROCKS_MAX_NO_FILES: 'many' });
    expect(await genrocks.exit).toBe(1);
    expect(genrocks.err.trimEnd().split('\n')).toEqual([
      'genrocks: http.prot: unknown option; did you mean port?',
      'genrocks: kafka.port: "nowhere" is not allowed; a whole number from 0 to 65535',
      'genrocks: storage.adapter: "floppy" is not allowed; one of disk_log, ets, rocksdb',
      'genrocks: GENROCKS_MAX_NO_FILES: "many" is not allowed; a whole number from 1 to 65000',
    ]);
    expect(genrocks.out).toBe('');
  });

  it('names the store, its directory and the address when it starts, as JSON', async () => {
    const genrocks = serve();
    await genrocks.port();
    const lines = genrocks.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: string });
    expect(lines.length).toBeLessThan(4);
    expect(lines.at(-1)!.message).toContain(`storage disk_log in ${join(cwd, 'gen_rocks_data')}`);
  });

  it('goes on where nobody reads its log any more', async () => {
    const genrocks = serve();
    await genrocks.port();
    genrocks.child.stdout!.destroy();
    genrocks.child.kill('SIGTERM');
    expect([await genrocks.exit, genrocks.err]).toEqual([0, '']);
  });

  it('loads what is asked for: no listener for Kafka where it is off, the API description when it is looked at', async () => {
    const modules = async (look: boolean) => {
      const coverage = join(cwd, look ? 'looked' : 'idle');
      const genrocks = serve({ GENROCKS_KAFKA_ENABLED: String(look), NODE_V8_COVERAGE: coverage });
      const port = await genrocks.port();
      if (look) await request(`http://127.0.0.1:${port}`).get('/docs-json').expect(200);
      genrocks.child.kill('SIGTERM');
      expect(await genrocks.exit).toBe(0);
      const [file] = await readdir(coverage);
      const loaded = await readFile(join(coverage, file!), 'utf8');
      return ['broker.module.js', '@nestjs/swagger', 'kafka-listener.js'].map((name) =>
        loaded.includes(name),
      );
    };
    expect(await modules(false)).toEqual([true, false, false]);
    expect(await modules(true)).toEqual([true, true, true]);
  });

  it.each([
    ['a log_dir that is a file', { GENROCKS_LOG_DIR: 'file' }, /file/],
    ['a log_dir under a file', { GENROCKS_LOG_DIR: 'file/below' }, /file/],
    [
      'a host that is not here',
      { GENROCKS_HTTP_HOST: '203.0.113.1' },
      /http\.host 203\.0\.113\.1 is not an address/,
    ],
  ])('does not start with %s', async (_what, env, reason) => {
    await writeFile(join(cwd, 'file'), 'content');
    const genrocks = serve(env);
    expect(await genrocks.exit).toBe(1);
    expect(genrocks.err.trimEnd().split('\n')).toHaveLength(1);
    expect(genrocks.err).toMatch(/^genrocks: /);
    expect(genrocks.err).toMatch(reason);
    expect(genrocks.out).not.toMatch(/GenRocks listens|"level":"error"|stack/);
  });

  it.skipIf(process.getuid?.() === 0)('does not start with a log_dir that is read-only', async () => {
    await chmod(cwd, 0o555);
    const genrocks = serve({ GENROCKS_LOG_DIR: 'data' });
    expect(await genrocks.exit).toBe(1);
    expect(genrocks.err.trimEnd().split('\n')).toHaveLength(1);
    await chmod(cwd, 0o755);
  });

  it('does not start on a directory that another broker has open', async () => {
    const first = serve();
    await first.port();
    const second = serve();
    expect(await second.exit).toBe(1);
    expect(second.err).toMatch(/^genrocks: LOCKED: .*\n$/);
    const port = await first.port();
    await request(`http://127.0.0.1:${port}`).get('/health/ready').expect(200);
  });

  it('is alive but not ready when its log directory is gone', async () => {
    const genrocks = serve();
    const http = request(`http://127.0.0.1:${await genrocks.port()}`);
    await http.get('/health/ready').expect(200);
    await rm(join(cwd, 'gen_rocks_data'), { recursive: true });
    const answer = await http.get('/health/ready').expect(503);
    expect(answer.body).toMatchObject({ code: 'NOT_READY', details: { log_dir: { status: 'down' } } });
    await http.get('/health/live').expect(200);
  });

  it('is not ready when its log directory is emptied, or another one is mounted over it', async () => {
    const genrocks = serve();
    const http = request(`http://127.0.0.1:${await genrocks.port()}`);
    await rm(join(cwd, 'gen_rocks_data/__genrocks'), { recursive: true });
    const answer = await http.get('/health/ready').expect(503);
    expect(answer.body).toMatchObject({ code: 'NOT_READY', details: { log_dir: { status: 'down' } } });
    expect(answer.body.detail).toMatch(/gen_rocks_data no longer holds __genrocks: it was emptied, or/);
  });

  it('does not start on a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const genrocks = serve({ GENROCKS_HTTP_PORT: String(port) });
    expect(await genrocks.exit).toBe(1);
    expect(genrocks.err).toBe(
      `genrocks: 127.0.0.1:${port} is in use by another process; stop it, or set http.port (GENROCKS_HTTP_PORT)\n`,
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it('does not start where something else speaks Kafka already, and says what to do', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const genrocks = serve({ GENROCKS_KAFKA_PORT: String(port) });
    expect(await genrocks.exit).toBe(1);
    expect(genrocks.err).toBe(
      `genrocks: LISTEN_FAILED: 127.0.0.1:${port} is in use by another process, perhaps another Kafka or GenRocks; ` +
        'stop it, set kafka.port (GENROCKS_KAFKA_PORT, 0 picks a free one), or turn the Kafka listener off with ' +
        'kafka.enabled (GENROCKS_KAFKA_ENABLED=false)\n',
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it('finishes what is in flight on SIGTERM, takes nothing new, and has kept everything', async () => {
    const first = serve();
    const port = await first.port();
    const http = request(`http://127.0.0.1:${port}`);
    await http.post('/v1/topics/orders/messages').send({ value: 'before' }).expect(201);
    const upload = await rawConnection(port);
    const uploaded = readToEnd(upload);
    const last = '{"value":"in flight"}';
    upload.write(
      post('/v1/topics/orders/messages', {
        'content-type': 'application/json',
        'content-length': last.length,
      }),
    );
    upload.write(last.slice(0, 10));
    const poll = await rawConnection(port);
    const polled = readToEnd(poll);
    poll.write(
      'GET /v1/topics/orders/partitions/0/messages?offset=9999&wait_ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n',
    );
    const stream = await rawConnection(port);
    stream.write('GET /v1/topics/orders/stream HTTP/1.1\r\nhost: x\r\n\r\n');
    await readUntil(stream, /: connected/);
    const streamed = readToEnd(stream);

    first.child.kill('SIGTERM');
    await first.says(/SIGTERM: stopping/);
    await streamed;
    await polled;
    upload.write(last.slice(10));
    expect(await uploaded).toMatch(/^HTTP\/1\.1 201 [^]*"offset":1/);
    expect(await first.exit).toBe(0);
    expect(first.err).toBe('');

    const second = serve();
    const page = await request(`http://127.0.0.1:${await second.port()}`)
      .get('/v1/topics/orders/partitions/0/messages')
      .expect(200);
    expect(page.body.messages.map(({ value }: { value: string }) => value)).toEqual(['before', 'in flight']);
  });

  it('ends requests that do not finish within the time limit', async () => {
    const genrocks = serve({ GENROCKS_HTTP_SHUTDOWN_TIMEOUT_MS: '100' });
    const socket = await rawConnection(await genrocks.port());
    socket.write(post('/v1/topics', { 'content-type': 'application/json', 'content-length': 100 }, '{'));
    const alive = await rawConnection(await genrocks.port());
    alive.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await readUntil(alive, /200 OK/);
    genrocks.child.kill('SIGINT');
    expect(await genrocks.exit).toBe(0);
  });

  it('ends in order where one wish comes as two signals', async () => {
    const genrocks = serve();
    await genrocks.port();
    genrocks.child.kill('SIGTERM');
    genrocks.child.kill('SIGINT');
    await genrocks.says(/stopped/);
    expect(await genrocks.exit).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const genrocks = serve();
    const port = await genrocks.port();
    const socket = await rawConnection(port);
    socket.write(post('/v1/topics', { 'content-type': 'application/json', 'content-length': 100 }, '{'));
    const alive = await rawConnection(port);
    alive.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await readUntil(alive, /200 OK/);
    genrocks.child.kill('SIGTERM');
    await genrocks.says(/finishing/);
    // One that comes with the first is no second one, so that it is sent until it is.
    const again = setInterval(() => genrocks.child.kill('SIGTERM'), 20);
    expect(await genrocks.exit).toBe(130);
    clearInterval(again);
  });

  it('keeps what was acknowledged when it is killed', async () => {
    const first = serve();
    const http = request(`http://127.0.0.1:${await first.port()}`);
    for (let value = 0; value < 20; value++) {
      await http.post('/v1/topics/orders/messages').send({ value }).expect(201);
    }
    first.child.kill('SIGKILL');
    await first.exit;
    const second = serve();
    const page = await request(`http://127.0.0.1:${await second.port()}`)
      .get('/v1/topics/orders/partitions/0/messages')
      .expect(200);
    expect(page.body.messages.map(({ value }: { value: number }) => value)).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
  });
});
