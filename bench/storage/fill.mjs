/** Fills a log and waits to be killed, or opens one and says what that took. */
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { keyOf } from './peers.mjs';

const [, , what, directory, gb] = process.argv;
const options = { logDir: directory, maxNoBytes: '10MB', maxNoFiles: 2000 };

if (what === 'fill') {
  const store = await new DiskLogStorageAdapter({ ...options, sync: 'os' }).open('bench', 0);
  const value = Buffer.alloc(1024, 'v');
  const count = Math.round(Number(gb) * 2 ** 20);
  for (let i = 0; i < count; i += 256) {
    await Promise.all(Array.from({ length: 256 }, (_, j) => store.put(keyOf(i + j), value)));
  }
  console.log('filled');
  setInterval(() => undefined, 1000);
} else {
  const began = performance.now();
  const adapter = new DiskLogStorageAdapter(options);
  await adapter.open('bench', 0);
  const ms = performance.now() - began;
  console.log(JSON.stringify({ ms, rss: Math.round(process.memoryUsage.rss() / 2 ** 20) }));
  // Killed, so that the next round meets an unclosed log as well.
  process.kill(process.pid, 'SIGKILL');
}
