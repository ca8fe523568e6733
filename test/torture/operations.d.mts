import type { Operation } from '../../libs/storage-disklog/src/__fixtures__/expected-log.js';

export function operationAt(seed: number, number: number): Operation;
