import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidConfigError } from '@genrocks/storage';
import type { ValueSchema } from './topic-schema.js';

/** @param topic the name of its topic, for errors */
export function standardSchema(topic: string, schema: StandardSchemaV1): ValueSchema {
  const standard = schema['~standard'];
  return {
    name: standard.vendor,
    check(value) {
      const result = standard.validate(value);
      if (result instanceof Promise) {
        // Nobody awaits the result, so its rejection must not be unhandled.
        result.catch(() => {});
        throw new InvalidConfigError([
          `topics.${topic}.schema: it validates asynchronously, which would change the order of messages; ` +
            'move asynchronous checks into the handler',
        ]);
      }
      if (result.issues === undefined) return { value: result.value };
      return { issues: result.issues.map(({ path, message }) => ({ path: pathOf(path), message })) };
    },
  };
}

function pathOf(path: StandardSchemaV1.Issue['path'] = []): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
