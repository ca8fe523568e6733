import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Receives the bytes that a client sends. */
export interface Receiver {
  /** Where the next bytes should go; undefined if any buffer will do. */
  readonly room: Buffer | undefined;
  /** @param bytes at the start of `room`, or in a buffer that is reused after this returns */
  received(bytes: Buffer): void;
}

/** Shared by all connections for reads without a `room`: each is done with the bytes before the next one reads. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** A part of Node's accepted sockets that its types omit. */
interface WithHandle {
  _handle?: { useUserBuffer?: unknown } | null;
}

/**
 * Makes Node read a connection's bytes directly into the receiver's buffers. By default Node allocates a buffer of 64
 * KiB for every read, whose bytes would have to be copied, and which becomes garbage.
 *
 * Node supports this only for sockets created with `onread`, which sockets of a server are not. So the connection's
 * handle is moved to a new socket. If that is impossible (TLS, or a Node whose internals have changed), the connection
 * is read the usual way, with the same result.
 *
 * @param accepted a socket from which nothing has been read yet
 * @returns the socket to use from here on
 */
export function receive(accepted: Socket, receiver: Receiver): Socket {
  const socket = movable(accepted) ? move(accepted, receiver) : accepted;
  if (socket === accepted) {
    socket.on('data', (piece: Buffer) => receiver.received(piece));
    // The server accepts sockets paused.
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
  // The server counts its accepted sockets as open until they are destroyed.
  socket.once('close', () => accepted.destroy());
  return socket;
}
