import { GenRocksError, isError } from '@genrocks/storage';

/** Every error of the Kafka listener; errors of topics and storage pass through as they are. */
export class KafkaListenerError extends GenRocksError {}

/** `MALFORMED_REQUEST`: bytes that are no request of the protocol. The connection they came from is closed. */
export class MalformedRequestError extends KafkaListenerError {
  constructor(reason: string) {
    super('MALFORMED_REQUEST', `not a valid Kafka request: ${reason}`);
  }
}

/** `UNENCODABLE`: an answer that the protocol has no bytes for. A defect of the listener, never of a client. */
export class UnencodableError extends KafkaListenerError {
  constructor(reason: string) {
    super('UNENCODABLE', `the answer cannot be written: ${reason}`);
  }
}

/** `LISTEN_FAILED`: the address cannot be listened on; the cause says why. */
export class ListenFailedError extends KafkaListenerError {
  constructor(host: string, port: number, cause: unknown) {
    const reason = isError(cause) ? cause.message : String(cause);
    super(
      'LISTEN_FAILED',
      `the Kafka listener cannot listen on ${host}:${port}: ${reason}; ` +
        'choose another kafka.host or kafka.port, or port 0 for any free one',
      false,
      { cause, details: { host, port } },
    );
  }
}

/** `NOT_LISTENING`: the address was asked for before the application's bootstrap or after its end. */
export class NotListeningError extends KafkaListenerError {
  constructor() {
    super('NOT_LISTENING', 'the Kafka listener has no address yet; ask after app.init() or app.listen()');
  }
}

/** `UNGUARDED_API`: an API for which no rule says who may use it. A defect of the listener, found when it starts. */
export class UnguardedApiError extends KafkaListenerError {
  constructor(api: string) {
    super('UNGUARDED_API', `no rule says who may use ${api}; every API needs one`);
  }
}

/** `OUT_OF_ORDER_SEQUENCE`: a batch of an idempotent producer whose predecessor was refused. Clients are told so. */
export class OutOfOrderError extends KafkaListenerError {
  constructor() {
    super(
      'OUT_OF_ORDER_SEQUENCE',
      'a batch of the same producer before this one was not stored; send that one first',
    );
  }
}
