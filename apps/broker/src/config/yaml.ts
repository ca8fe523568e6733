import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The YAML parser. Loaded when there is YAML to read: a broker may as well be configured by variables alone. */
export function yaml(): typeof import('yaml') {
  return require('yaml') as typeof import('yaml');
}
