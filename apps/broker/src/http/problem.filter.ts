import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BrokerMetrics } from '../metrics/broker-metrics.js';
import { sendProblem } from './broker-http.adapter.js';
import { isOwnFault, type Problem, toProblem } from './problem.js';

/** Answers every error as a problem document, counts it by code, and logs errors that are the broker's own fault. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  constructor(@Inject(BrokerMetrics) private readonly metrics: BrokerMetrics) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const problem = toProblem(error);
    this.metrics.countError(problem.code);
    if (isOwnFault(error)) this.log(problem, error);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    // An answer in progress cannot be replaced; closing the connection tells the client that it is incomplete.
    if (reply.raw.headersSent) reply.raw.destroy();
    else {
      // Discard the rest of a body that is too large, so that the connection stays open and the answer arrives.
      if (problem.code === 'BODY_TOO_LARGE') reply.removeHeader('connection');
      void sendProblem(reply, problem);
    }
  }

  private log(problem: Problem, error: unknown): void {
    this.logger.error(
      `${problem.code}: ${error instanceof Error ? error.message : String(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
  }
}
