import type { Type } from '@nestjs/common';
import type * as Swagger from '@nestjs/swagger';

/**
 * Stand-ins for the decorators of `@nestjs/swagger`, which is loaded on the first request for `/docs`: loading it would
 * take a sixth of the start. The arguments of the decorators are kept until then.
 */
type Decorator = (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => void;
type Decorators = {
  [
    Name in keyof typeof Swagger as (typeof Swagger)[Name] extends (...options: never[]) => unknown
      ? Name
      : never
  ]: (typeof Swagger)[Name];
};

const kept: ((swagger: typeof Swagger) => void)[] = [];

/** A decorator that is created and applied when the API is described. */
export function whenDescribed(make: (swagger: typeof Swagger) => unknown): MethodDecorator & ClassDecorator {
  const decorate: Decorator = (target, key, descriptor) => {
    kept.push((swagger) => (make(swagger) as Decorator)(target, key, descriptor));
  };
  return decorate;
}

/** Applies the recorded decorators in order, once. */
export function describe(swagger: typeof Swagger): void {
  for (const apply of kept.splice(0)) apply(swagger);
}

function later<Name extends keyof Decorators>(name: Name): Decorators[Name] {
  const factory = (...options: unknown[]) =>
    whenDescribed((swagger) => (swagger[name] as (...given: unknown[]) => unknown)(...options));
  return factory as unknown as Decorators[Name];
}

export const ApiBody = later('ApiBody');
export const ApiConsumes = later('ApiConsumes');
export const ApiCreatedResponse = later('ApiCreatedResponse');
export const ApiDefaultResponse = later('ApiDefaultResponse');
export const ApiExtraModels = later('ApiExtraModels');
export const ApiHeader = later('ApiHeader');
export const ApiNoContentResponse = later('ApiNoContentResponse');
export const ApiOkResponse = later('ApiOkResponse');
export const ApiOperation = later('ApiOperation');
export const ApiParam = later('ApiParam');
export const ApiProperty = later('ApiProperty');
export const ApiPropertyOptional = later('ApiPropertyOptional');
export const ApiTags = later('ApiTags');

/** Reference to the schema of a class, like `getSchemaPath`. */
export function getSchemaPath(model: Type): string {
  return `#/components/schemas/${model.name}`;
}
