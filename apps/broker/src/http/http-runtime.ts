import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { BrokerHttpAdapter } from './broker-http.adapter.js';

/** The state of the HTTP listener that handlers need. */
@Injectable()
export class HttpRuntime {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<BrokerHttpAdapter>) {}

  get adapter(): BrokerHttpAdapter {
    return this.host.httpAdapter;
  }

  /** Aborts when the client disconnects or the broker begins to stop: nobody waits for the answer any more. */
  signalFor(reply: FastifyReply): AbortSignal {
    const gone = new AbortController();
    const { raw } = reply;
    const { endingSignal } = this.adapter;
    const abort = () => gone.abort();
    // If the client is already gone, no further event would remove the listener.
    if (raw.destroyed || endingSignal.aborted) {
      abort();
      return gone.signal;
    }
    raw.once('close', () => {
      endingSignal.removeEventListener('abort', abort);
      abort();
    });
    endingSignal.addEventListener('abort', abort, { once: true });
    return gone.signal;
  }
}
