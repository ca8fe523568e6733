import { apiVersions } from '../protocol/apis/api-versions.js';
import { saslAuthenticate } from '../protocol/apis/sasl-authenticate.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { type Mechanism, MECHANISMS, type SaslExchange, startExchange } from '../security/sasl-exchange.js';
import type { Users } from '../security/users.js';
import { route, type Route, type Session } from '../server/request.types.js';

const OPEN_TO_ALL = new Set([apiVersions.key, saslHandshake.key, saslAuthenticate.key]);
/** One message for every failure, so that nobody learns which part was wrong. */
const REFUSED = 'authentication failed';

/** Lets clients in that know a password; the others see nothing but the way to authenticate. */
export class SaslGate {
  /** Attempts under way, and the names of those who are in. Gone with the connection. */
  private readonly exchanges = new WeakMap<Session, SaslExchange>();
  private readonly names = new WeakMap<Session, string>();

  constructor(private readonly users: Users) {}

  /** May this connection use the API? */
  allows(session: Session, apiKey: number): boolean {
    return OPEN_TO_ALL.has(apiKey) || this.names.has(session);
  }

  routes(): Route[] {
    return [this.handshakeRoute(), this.authenticateRoute()];
  }

  private handshakeRoute(): Route {
    return route(saslHandshake, ({ mechanism }, { session, version }) => {
      // Version 0 goes on with bare tokens instead of requests, which no maintained client needs any more.
      const isKnown = version > 0 && MECHANISMS.includes(mechanism as Mechanism);
      if (!isKnown) return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms: MECHANISMS };
      this.names.delete(session);
      this.exchanges.set(session, startExchange(mechanism as Mechanism, this.users));
      return { errorCode: ErrorCode.NONE, mechanisms: MECHANISMS };
    });
  }

  private authenticateRoute(): Route {
    return route(saslAuthenticate, ({ authBytes }, { session }) => {
      const exchange = this.exchanges.get(session);
      if (exchange === undefined) {
        return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage: 'a handshake must come first' };
      }
      const step = exchange.step(authBytes);
      if (step.kind !== 'continue') this.exchanges.delete(session);
      if (step.kind === 'failed') {
        return { errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED, errorMessage: REFUSED };
      }
      if (step.kind === 'done') this.names.set(session, step.user);
      return { errorCode: ErrorCode.NONE, errorMessage: null, authBytes: step.answer };
    });
  }
}
