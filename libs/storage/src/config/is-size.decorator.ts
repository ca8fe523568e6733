import { ValidateBy, type ValidationOptions } from 'class-validator';
import { formatSize, parseSize } from './size.js';

/** Name of the rule in class-validator's metadata. */
export const IS_SIZE = 'isSize';

/** Bounds of a size, in bytes. */
export interface SizeRange {
  /** Smallest size allowed, in bytes. Default 0. */
  min?: number;
  /** Largest size allowed, in bytes. Default 2^53 - 1. */
  max?: number;
}

/**
 * A size in bytes, as a number or as text such as `50MB` (see `parseSize`). `checkOptions` turns the text into the
 * number, so that the property can be declared `number`.
 */
export function IsSize(range: SizeRange = {}, validationOptions?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: IS_SIZE,
      constraints: [range],
      validator: {
        validate: (value) => isSize(value, range),
        defaultMessage: () => describeSize(range),
      },
    },
    validationOptions,
  );
}

/** What {@link IsSize} allows, in words. */
export function describeSize({ min, max }: SizeRange): string {
  const what = 'a size in bytes or with a unit, such as 10MB';
  if (min !== undefined && max !== undefined) return `${what}, from ${formatSize(min)} to ${formatSize(max)}`;
  if (min !== undefined) return `${what}, at least ${formatSize(min)}`;
  if (max !== undefined) return `${what}, at most ${formatSize(max)}`;
  return what;
}

function isSize(value: unknown, { min = 0, max = Number.MAX_SAFE_INTEGER }: SizeRange): boolean {
  if (typeof value !== 'number' && typeof value !== 'string') return false;
  try {
    const bytes = parseSize(value);
    return bytes >= min && bytes <= max;
  } catch {
    return false;
  }
}
