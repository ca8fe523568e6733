// The process that is killed: writes operation after operation, many at once, and prints the number of each as it is
// acknowledged. Its options come as JSON: { options, seed, from, writers }.
import { writeSync } from 'node:fs';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { operationAt } from './operations.mjs';

const { options, seed, from, writers } = JSON.parse(process.argv[2]);
const adapter = new DiskLogStorageAdapter(options);
const store = await adapter.open('t', 0);
let next = from;

async function perform(operation) {
  if (operation.type === 'truncate') return store.truncate();
  if (operation.type === 'optimize') return store.optimize();
  const operations = operation.writes.map(({ key, value }) =>
    value === undefined ? { type: 'delete', key } : { type: 'put', key, value },
  );
  if (operations.length > 1) return store.batch(operations);
  const [{ type, key, value }] = operations;
  return type === 'put' ? store.put(key, value) : store.delete(key);
}

/** Operations under way; a truncation waits for them and holds up those behind it, so that the model can follow. */
const underWay = new Set();
let gate;

async function write() {
  for (;;) {
    while (gate !== undefined) await gate;
    const number = next++;
    const operation = operationAt(seed, number);
    if (operation.type === 'truncate') {
      let open;
      gate = new Promise((resolve) => (open = resolve));
      await Promise.all(underWay);
      await perform(operation);
      writeSync(1, `${number}\n`);
      gate = undefined;
      open();
      continue;
    }
    const done = perform(operation);
    underWay.add(done);
    await done;
    underWay.delete(done);
    writeSync(1, `${number}\n`);
  }
}

writeSync(1, 'open\n');
await Promise.all(Array.from({ length: writers }, write)).catch((error) => {
  writeSync(2, `${error.code} ${error.stack}\n`);
  process.exit(3);
});
