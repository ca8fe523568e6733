export { checkOptions, toSnakeCase, type CheckOptions } from './check-options.js';
export { didYouMean } from './did-you-mean.js';
export { readEnv, type EnvOptions } from './env.js';
export { IsSize, type SizeRange } from './is-size.decorator.js';
export { type OptionsClass } from './rules.js';
export { formatSize, parseSize } from './size.js';
