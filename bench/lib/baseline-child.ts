import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaselineTask } from './baseline.js';
import { closedLoop } from './measure.js';

const { directory, publishers, bytes, ms, shared } = JSON.parse(process.argv[2]!) as BaselineTask;
const data = Buffer.alloc(bytes, 'x');
const paths = Array.from({ length: shared ? 1 : publishers }, (_, i) => join(directory, `baseline-${i}`));
const files = await Promise.all(paths.map((path) => open(path, 'a')));
let turn: Promise<void> = Promise.resolve();
const sample = await closedLoop(publishers, ms, 1, (publisher) => {
  if (!shared) return append(files[publisher]!);
  return (turn = turn.then(() => append(files[0]!)));
});
for (const file of files) await file.close();
for (const path of paths) await rm(path);
process.send!(sample);
process.disconnect();

async function append(file: FileHandle): Promise<void> {
  await file.write(data);
  await file.datasync();
}
