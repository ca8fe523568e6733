import type { Socket } from 'node:net';
import { patientTimeout } from '@genrocks/topics/listener';

/** How long a reported connection is given another chance, in milliseconds. */
const GRACE_MS = 200;

/**
 * Handles connections that Node reports because their headers took too long. Node counts the time since it accepted the
 * connection, even while the process was stalled and read nothing, so headers that arrived long ago can look late. The
 * process therefore gets a chance to read them before such a connection is refused.
 */
export class LateHeaders {
  private readonly suspects = new Map<Socket, () => void>();

  /** Refuses a connection unless it delivers a request after all. */
  suspect(socket: Socket, refuse: () => void): void {
    if (this.suspects.has(socket)) return;
    const cancel = patientTimeout(GRACE_MS, () => {
      this.suspects.delete(socket);
      refuse();
    });
    this.suspects.set(socket, cancel);
  }

  /** Call this when the headers of a request are complete. */
  requestCame(socket: Socket): void {
    this.suspects.get(socket)?.();
    this.suspects.delete(socket);
  }
}
