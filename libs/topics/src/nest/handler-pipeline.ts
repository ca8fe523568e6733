import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { isError } from '@genrocks/storage';
import type { HandlerContext } from '../groups/group.types.js';
import type { Message } from '../message.js';
import { MESSAGE_PARAMS_METADATA, messageParams } from './message-params.decorator.js';
import { withoutDefaultFilter } from './without-default-filter.js';

type Method = (...args: unknown[]) => unknown;
type Pipeline = (...args: unknown[]) => Promise<unknown>;
export type PipelineHandler = (given: Message | Message[], context: HandlerContext) => Promise<void>;

/** Waits for the Observable that a microservice filter returned; if it errors, the message failed. */
async function outcome(answer: Observable<unknown>, error: unknown): Promise<void> {
  try {
    await lastValueFrom(answer, { defaultValue: undefined });
  } catch (thrown) {
    // Nest turns errors into plain objects for its clients, which tell a retry policy nothing.
    throw isError(thrown) ? thrown : error;
  }
}

/**
 * Nest looks up the owner of an external context among providers only, and skips guards, pipes, interceptors and filters if
 * it finds none. So a controller is listed as a provider while its contexts are created.
 */
function amongProviders<T>(wrapper: InstanceWrapper, make: () => T): T {
  const { host, token } = wrapper;
  if (host === undefined || host.providers.has(token)) return make();
  host.providers.set(token, wrapper);
  try {
    return make();
  } finally {
    host.providers.delete(token);
  }
}

/** Runs handlers through Nest's guards, interceptors, pipes and filters, as the context type `rpc`. @internal */
@Injectable()
export class HandlerPipeline {
  constructor(private readonly contexts: ExternalContextCreator) {}

  /** @param wrapper the provider or controller with the method; several modules may provide its class */
  handler(wrapper: InstanceWrapper, name: string): PipelineHandler {
    return amongProviders(wrapper, () => this.build(wrapper.instance as object, name, wrapper.id));
  }

  private build(instance: object, name: string, hostId: string): PipelineHandler {
    const method = (instance as Record<string, Method>)[name]!;
    const run = this.contexts.create(
      instance,
      method,
      name,
      MESSAGE_PARAMS_METADATA,
      messageParams,
      undefined,
      hostId,
      { guards: true, interceptors: true, filters: false },
      'rpc',
    ) as Pipeline;
    const filter = this.filter(instance, method, name, hostId);
    return async (given, context) => {
      try {
        await run(given, context);
      } catch (error) {
        // A filter that returns nothing has only observed the error: the message must not count as done.
        const answer = await filter(given, context, error);
        if (answer === undefined) throw error;
        if (isObservable(answer)) await outcome(answer, error);
      }
    };
  }

  /** Only the filters: wraps a method that throws the given error and has the metadata of the handler. */
  private filter(instance: object, method: Method, name: string, hostId: string): Pipeline {
    const rethrow = (_given: unknown, _context: unknown, error: unknown): never => {
      throw error;
    };
    for (const key of Reflect.getMetadataKeys(method)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, method), rethrow);
    }
    const options = { guards: false, interceptors: false, filters: true };
    return withoutDefaultFilter(this.contexts).create(
      instance,
      rethrow,
      // Nest 11 stores parameter metadata by this name alone; the handler's own name would run its pipes here too.
      `${name} (filters)`,
      undefined,
      undefined,
      undefined,
      hostId,
      options,
      'rpc',
    ) as Pipeline;
  }
}
