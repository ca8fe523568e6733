import { GenRocksError, isError } from '@genrocks/storage';

/** Base class of the Kafka listener's errors. Errors of topics and storage pass through unchanged. */
export class KafkaListenerError extends GenRocksError {}

/** `MALFORMED_REQUEST`: bytes that are not a request of the Kafka protocol. Their connection is closed. */
export class MalformedRequestError extends KafkaListenerError {
  constructor(reason: string) {
    super('MALFORMED_REQUEST', `not a valid Kafka request: ${reason}`);
  }
}

/** `UNENCODABLE`: the protocol cannot express an answer. A defect of the listener, never of a client. */
export class UnencodableError extends KafkaListenerError {
  constructor(reason: string) {
    super('UNENCODABLE', `the answer cannot be encoded: ${reason}`);
  }
}

/** `LISTEN_FAILED`: the listener cannot listen on the address; the cause says why. */
export class ListenFailedError extends KafkaListenerError {
  constructor(host: string, port: number, cause: unknown) {
    const reason = isError(cause) ? cause.message : String(cause);
    super(
      'LISTEN_FAILED',
      `the Kafka listener cannot listen on ${host}:${port}: ${reason}; ` +
        'choose another kafka.host or kafka.port, or port 0 for any free port',
      false,
      { cause, details: { host, port } },
    );
  }
}

/** `NOT_LISTENING`: the address or a reload was requested before the application's bootstrap or after its shutdown. */
export class NotListeningError extends KafkaListenerError {
  constructor() {
    super(
      'NOT_LISTENING',
      'the Kafka listener is not listening; use it after app.init() or app.listen(), and before the shutdown',
    );
  }
}

/** `UNGUARDED_API`: an API has no access rule. A defect of the listener, found when it starts. */
export class UnguardedApiError extends KafkaListenerError {
  constructor(api: string) {
    super('UNGUARDED_API', `no rule says who may use ${api}; every API needs one`);
  }
}

/** `OUT_OF_ORDER_SEQUENCE`: a batch of an idempotent producer follows one that was not stored. */
export class OutOfOrderError extends KafkaListenerError {
  constructor() {
    super(
      'OUT_OF_ORDER_SEQUENCE',
      'an earlier batch of the same producer was not stored; send that one first',
    );
  }
}
