import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Takes what a client sends. */
export interface Receiver {
  /** Where the next bytes should go, where that matters. */
  readonly room: Buffer | undefined;
  /** @param bytes that lie at the beginning of `room`, or where they stay only until this returns */
  received(bytes: Buffer): void;
}

/** Bytes that have no place yet are read into this, by all connections: each is done with them before the next reads. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** What Node gives an accepted connection, and does not put into its types. */
interface WithHandle {
  _handle?: { useUserBuffer?: unknown } | null;
}

/**
 * Has a connection's bytes read to where they belong. Otherwise Node makes a buffer of 64 KiB for every read, whose
 * bytes would be copied, and left to the garbage collector.
 *
 * Node has this for sockets that are made with `onread`, but makes those of a server without it. So the connection
 * moves to a socket that is made with it. Where that cannot be done (TLS, or a Node that has changed) the connection
 * is read the usual way, with the same outcome.
 *
 * @param accepted of which nothing was read yet
 * @returns the socket to use from here on
 */
export function receive(accepted: Socket, receiver: Receiver): Socket {
  const socket = movable(accepted) ? move(accepted, receiver) : accepted;
  if (socket === accepted) {
    socket.on('data', (piece: Buffer) => receiver.received(piece));
    // It was accepted paused.
    socket.resume();
  }
  return socket;
}

function movable(accepted: Socket): boolean {
  const { _handle: handle } = accepted as WithHandle;
  return !(accepted instanceof TLSSocket) && typeof handle?.useUserBuffer === 'function';
}

function move(accepted: Socket, receiver: Receiver): Socket {
  const from = accepted as WithHandle;
  const options = {
    handle: from._handle,
    readable: true,
    writable: true,
    onread: {
      buffer: () => receiver.room ?? shared,
      callback: (count: number, buffer: Uint8Array) => {
        receiver.received(Buffer.from(buffer.buffer, buffer.byteOffset, count));
        return true;
      },
    },
  };
  from._handle = null;
  const socket = new Socket(options);
  // The server counts those it has accepted.
  socket.once('close', () => accepted.destroy());
  return socket;
}
