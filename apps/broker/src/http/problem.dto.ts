import { applyDecorators } from '@nestjs/common';
import {
  ApiDefaultResponse,
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  getSchemaPath,
} from '../docs/api.decorators.js';
import type { Problem } from './problem.js';

/** Problem details (RFC 9457). */
export class ProblemDto implements Problem {
  @ApiProperty({ example: 'urn:genrocks:problem:topic-not-found' })
  type!: string;

  @ApiProperty({ example: 'Topic not found' })
  title!: string;

  @ApiProperty({ example: 404 })
  status!: number;

  @ApiProperty({
    example: 'there is no topic "orders"',
    description: 'What happened, and what to do about it',
  })
  detail!: string;

  @ApiProperty({ example: 'TOPIC_NOT_FOUND', description: 'Stable; safe to switch on' })
  code!: string;

  @ApiProperty({ description: 'Whether the same request may succeed later' })
  retriable!: boolean;

  @ApiPropertyOptional({ type: [String], description: 'One line per mistake' })
  problems?: string[];

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: 'Details such as limits' })
  details?: Record<string, unknown>;
}

/** Documents that a controller answers every error with a problem document. */
export function ApiProblems() {
  return applyDecorators(
    ApiExtraModels(ProblemDto),
    ApiDefaultResponse({
      description: 'Any error, as problem details with a stable code',
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
    }),
  );
}
