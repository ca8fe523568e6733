import type { Socket } from 'node:net';
import { patientTimeout } from '@genrocks/topics/listener';

/** How long a connection is looked at once more. */
const GRACE_MS = 200;

/**
 * Connections that Node reports for headers that took too long. Node counts the time since it accepted the connection,
 * also while the process was held up and read nothing, so headers that have long arrived can look late. Before such a
 * connection is refused, the process gets a chance to read what is there.
 */
export class LateHeaders {
  private readonly suspects = new Map<Socket, () => void>();

  /** Has a connection refused, unless a request comes from it after all. */
  suspect(socket: Socket, refuse: () => void): void {
    if (this.suspects.has(socket)) return;
    const cancel = patientTimeout(GRACE_MS, () => {
      this.suspects.delete(socket);
      refuse();
    });
    this.suspects.set(socket, cancel);
  }

  /** The headers of a request are complete. */
  requestCame(socket: Socket): void {
    this.suspects.get(socket)?.();
    this.suspects.delete(socket);
  }
}
