/**
 * What the disk and this process give at most, behind the face of peers.mjs: a file of zeros, into which whatever waits
 * is written by one synced write, and the handler called. No queue, no keys, no checks: nothing durable answers earlier.
 */
import { constants, fdatasyncSync, mkdirSync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { payload } from './peers.mjs';

const ROOM = 64 << 20;
const { O_CREAT, O_RDWR, O_DSYNC } = constants;

async function bareLog({ directory }, bytes) {
  mkdirSync(directory, { recursive: true });
  const file = openSync(join(directory, `${process.pid}.bare`), O_RDWR | O_CREAT | O_DSYNC);
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < ROOM; at += zeros.length) writeSync(file, zeros, 0, zeros.length, at);
  fdatasyncSync(file);
  let end = 0;
  let waiting = [];
  let isWriting = false;
  let handle = () => {};
  const writeWaiting = () => {
    const group = waiting;
    waiting = [];
    isWriting = true;
    const data = Buffer.concat(group.map(({ index }) => payload(index, bytes)));
    if (end + data.length > ROOM) end = 0;
    write(file, data, 0, data.length, end, (error) => {
      isWriting = false;
      for (const { index, resolve, reject } of group) {
        if (error) reject(error);
        else {
          resolve();
          handle(index);
        }
      }
      if (waiting.length > 0) writeWaiting();
    });
    end += data.length;
  };
  return {
    publish: (index) =>
      new Promise((resolve, reject) => {
        waiting.push({ index, resolve, reject });
        if (!isWriting) writeWaiting();
      }),
    consume: async (onMessage) => void (handle = onMessage),
    async close() {},
  };
}

export const FLOOR = { bareLog };
