import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BrokerMetrics } from '../metrics/broker-metrics.js';
import { sendProblem } from './broker-http.adapter.js';
import { isOwnFault, type Problem, toProblem } from './problem.js';

/** Answers every error as a problem, counts it by code, and logs those that are the broker's own fault. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  constructor(@Inject(BrokerMetrics) private readonly metrics: BrokerMetrics) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const problem = toProblem(error);
    this.metrics.countError(problem.code);
    if (isOwnFault(error)) this.log(problem, error);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    // An answer that has begun cannot become another one; cutting it off tells the client that it is not complete.
    if (reply.raw.headersSent) reply.raw.destroy();
    else {
      // The rest of a body that is too large is read and dropped, so the connection can stay for the answer to arrive.
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
