import type { Type } from '@nestjs/common';
import type * as Swagger from '@nestjs/swagger';

/**
 * The decorators of `@nestjs/swagger`, which is loaded with the first look at `/docs`: loading it takes a sixth of the
 * start. What a decorator says is kept until then.
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

/** A decorator that is made and applied when the API is described. */
export function whenDescribed(make: (swagger: typeof Swagger) => unknown): MethodDecorator & ClassDecorator {
  const decorate: Decorator = (target, key, descriptor) => {
    kept.push((swagger) => (make(swagger) as Decorator)(target, key, descriptor));
  };
  return decorate;
}

/** Applies what decorators have said, in their order, and only once. */
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

/** Where the description of a class stands, as `getSchemaPath` has it. */
export function getSchemaPath(model: Type): string {
  return `#/components/schemas/${model.name}`;
}
