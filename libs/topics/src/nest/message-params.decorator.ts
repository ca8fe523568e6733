import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { InvalidConfigError } from '@genrocks/storage';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { ParamsFactory } from '@nestjs/core/helpers/external-context-creator.js';
import type { HandlerContext } from '../groups/group.types.js';
import type { Message } from '../message.js';

type Pipe = Type<PipeTransform> | PipeTransform;

/** 3 is Nest's code for a request body, which a global ValidationPipe checks; the other codes are our own. */
const VALUE = 3;
const KEY = 101;
const HEADERS = 102;
const MESSAGE = 103;
const CONTEXT = 104;
const KINDS = new Set([VALUE, KEY, HEADERS, MESSAGE, CONTEXT]);

/** @internal */
export const MESSAGE_PARAMS_METADATA = ROUTE_ARGS_METADATA;

/**
 * Injects the message's value, or a property of it. For a batch: an array of values; `new ParseArrayPipe({ items:
 * OrderDto })` checks each.
 * @publicApi
 */
export function MessageValue(...args: (string | Pipe)[]): ParameterDecorator {
  return parameter(VALUE, args);
}

/** Injects the message's key as text, null if there is none. For a batch: an array. @publicApi */
export function MessageKey(...pipes: Pipe[]): ParameterDecorator {
  return parameter(KEY, pipes);
}

/** Injects the message's headers, or one of them by name. For a batch: an array. @publicApi */
export function MessageHeaders(...args: (string | Pipe)[]): ParameterDecorator {
  return parameter(HEADERS, args);
}

/** Injects the whole message, with offset, timestamp and bytes. For a batch: an array. @publicApi */
export function FullMessage(...pipes: Pipe[]): ParameterDecorator {
  return parameter(MESSAGE, pipes);
}

/** Injects the {@link HandlerContext}: attempt, signal, `ack`, `nack`, `commit`. @publicApi */
export function MessageContext(...pipes: Pipe[]): ParameterDecorator {
  return parameter(CONTEXT, pipes);
}

function parameter(type: number, args: readonly (string | Pipe)[]): ParameterDecorator {
  const [data, pipes] =
    typeof args[0] === 'string' ? [args[0], args.slice(1) as Pipe[]] : [undefined, [...args] as Pipe[]];
  return (target, method, index) => {
    const host = target.constructor;
    const known = (Reflect.getMetadata(MESSAGE_PARAMS_METADATA, host, method!) ?? {}) as object;
    const own = { ...known, [`${type}:${index}`]: { index, data, pipes } };
    Reflect.defineMetadata(MESSAGE_PARAMS_METADATA, own, host, method!);
  };
}

/** Resolves the values of decorated parameters. @internal */
export const messageParams: ParamsFactory = {
  exchangeKeyForValue(type: number, data: unknown, args: [Message | Message[], HandlerContext]): unknown {
    const [given, context] = args;
    const each = (pick: (message: Message) => unknown) =>
      Array.isArray(given) ? given.map(pick) : pick(given);
    if (type === VALUE) return each(({ value }) => property(value, data));
    if (type === KEY) return each(({ key }) => key);
    if (type === HEADERS) return each(({ headers }) => property(headers, data));
    if (type === MESSAGE) return given;
    return type === CONTEXT ? context : undefined;
  },
};

/** Refuses other parameter decorators (except `createParamDecorator` ones), whose values would be undefined. @internal */
export function assertMessageParams(instance: object, method: string, where: string): void {
  const params = (Reflect.getMetadata(MESSAGE_PARAMS_METADATA, instance.constructor, method) ?? {}) as object;
  for (const [id, { index, factory }] of Object.entries(params) as [string, Param][]) {
    if (factory !== undefined || KINDS.has(Number(id.split(':')[0]))) continue;
    throw new InvalidConfigError([
      `${where}: the decorator of parameter ${index + 1} is not for messages; use @MessageValue, @MessageKey, ` +
        '@MessageHeaders, @MessageContext or @FullMessage of @genrocks/topics, or your own decorator',
    ]);
  }
}

interface Param {
  readonly index: number;
  /** Set by decorators made with `createParamDecorator`. */
  readonly factory?: unknown;
}

function property(from: unknown, name: unknown): unknown {
  if (typeof name !== 'string') return from;
  const isObject = typeof from === 'object' && from !== null;
  return isObject && Object.hasOwn(from, name) ? (from as Record<string, unknown>)[name] : undefined;
}
