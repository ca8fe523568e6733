import { apiVersions } from '../protocol/apis/api-versions.js';
import { saslAuthenticate } from '../protocol/apis/sasl-authenticate.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { type Access, NO_ACCESS } from '../security/access.js';
import {
  type Mechanism,
  MECHANISMS,
  type SaslExchange,
  type SaslStep,
  startExchange,
} from '../security/sasl-exchange.js';
import type { Users } from '../security/users.js';
import { CLOSE, route, type Route, type Session } from '../server/request.types.js';

const OPEN_TO_ALL = new Set([apiVersions.key, saslHandshake.key, saslAuthenticate.key]);
/** The same message for every failure, so that a client cannot tell which part was wrong. */
const REFUSED = 'authentication failed';

interface Attempt {
  readonly exchange: SaslExchange;
  /** After a handshake of version 0, SASL messages come without protocol headers. */
  readonly isBare: boolean;
}

/** Authenticates clients. Before that, they can use only ApiVersions and the SASL APIs. */
export class SaslGate {
  /** Attempts in progress, and the names of authenticated clients. Weak, so they go with their connection. */
  private readonly attempts = new WeakMap<Session, Attempt>();
  private readonly names = new WeakMap<Session, string>();
  private readonly refused = new WeakSet<Session>();

  /** Logins that failed. */
  failures = 0;

  /** @param users may be replaced; authenticated clients keep their name, with the rights it has in the new set */
  constructor(public users: Users) {}

  /** Whether this connection may use the API. */
  allows(session: Session, apiKey: number): boolean {
    if (OPEN_TO_ALL.has(apiKey)) return true;
    const name = this.names.get(session);
    return name !== undefined && this.users.has(name);
  }

  isRefused(session: Session): boolean {
    return this.refused.has(session);
  }

  accessOf(session: Session): Access {
    const name = this.names.get(session);
    return name === undefined ? NO_ACCESS : this.users.accessOf(name);
  }

  /** Whether the next message of this connection is a SASL token without a protocol header. */
  expectsToken(session: Session): boolean {
    return this.attempts.get(session)?.isBare === true;
  }

  /** Answers a SASL token without a header. This form has no error answer: a failure closes the connection. */
  async answerToken(session: Session, token: Buffer): Promise<Buffer | typeof CLOSE> {
    const step = await this.step(session, token);
    return step === undefined || step.kind === 'failed' ? CLOSE : step.answer;
  }

  routes(): Route[] {
    return [this.handshakeRoute(), this.authenticateRoute()];
  }

  private handshakeRoute(): Route {
    return route(saslHandshake, ({ mechanism }, { session, version }) => {
      if (!MECHANISMS.includes(mechanism as Mechanism)) {
        return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms: MECHANISMS };
      }
      this.names.delete(session);
      const exchange = startExchange(mechanism as Mechanism, this.users);
      this.attempts.set(session, { exchange, isBare: version === 0 });
      return { errorCode: ErrorCode.NONE, mechanisms: MECHANISMS };
    });
  }

  private authenticateRoute(): Route {
    return route(saslAuthenticate, async ({ authBytes }, { session }) => {
      const step = await this.step(session, authBytes);
      if (step === undefined) {
        return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage: 'send SaslHandshake first' };
      }
      if (step.kind === 'failed') {
        return { errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED, errorMessage: REFUSED };
      }
      return { errorCode: ErrorCode.NONE, errorMessage: null, authBytes: step.answer };
    });
  }

  /** Undefined if no attempt is in progress. */
  private async step(session: Session, message: Buffer): Promise<SaslStep | undefined> {
    const attempt = this.attempts.get(session);
    const step = await attempt?.exchange.step(message);
    if (step === undefined || step.kind === 'continue') return step;
    this.attempts.delete(session);
    if (step.kind === 'done') this.names.set(session, step.user);
    else {
      this.refused.add(session);
      this.failures++;
    }
    return step;
  }
}
