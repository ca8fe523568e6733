import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below what any system gives to who asks for a free port, and to connections. */
const [FROM, TO] = [20_000, 32_000];

/**
 * A port of 127.0.0.1 for a server that goes and comes back: one that the system gave it, the system may give to
 * another process meanwhile. This process keeps the port behind it, by which others that ask here pass over both.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = 2 * randomInt(FROM / 2, TO / 2);
    const guard = await listen(port + 1);
    if (guard === undefined) continue;
    guard.unref();
    const isFree = await listen(port);
    if (isFree === undefined) {
      guard.close();
      continue;
    }
    isFree.close();
    await once(isFree, 'close');
    return port;
  }
}

/** @returns nothing where the port is taken */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}
