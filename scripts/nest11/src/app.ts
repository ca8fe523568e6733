import 'reflect-metadata';
import { KafkaModule } from '@genrocks/kafka';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { InjectTopic, MessageKey, MessageValue, Subscribe, Topic, TopicsModule } from '@genrocks/topics';
import { TopicsHealthIndicator, TopicsHealthModule } from '@genrocks/topics/health';
import { GenRocksContext, GenRocksTransportModule } from '@genrocks/topics/microservices';
import {
  type ArgumentsHost,
  Body,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  type NestInterceptor,
  type OnModuleDestroy,
  ParseIntPipe,
  Post,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { APP_PIPE } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { IsInt, IsString } from 'class-validator';
import { type Observable, tap } from 'rxjs';

export class OrderDto {
  @IsString() customer!: string;
  @IsInt() amount!: number;
}

/** What happened, in order. */
export const log: string[] = [];

/** A connection as pools of databases are: closed in onModuleDestroy, by the module that uses it. */
@Injectable()
export class Database implements OnModuleDestroy {
  private isOpen = true;
  hold: Promise<void> | undefined;
  held: () => void = () => {};

  async write(what: string): Promise<void> {
    this.held();
    await this.hold;
    log.push(this.isOpen ? what : `${what}, too late`);
  }

  onModuleDestroy(): void {
    this.isOpen = false;
    log.push('database closed');
  }
}

@Injectable()
export class NotForbidden implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.getHandler().name === 'bill' && context.getType() === 'rpc';
  }
}

@Injectable()
export class Audit implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(tap(() => log.push('audited')));
  }
}

/** Answers nothing, so that the error stays one. */
@Catch()
export class Watch implements ExceptionFilter {
  catch(error: Error, _host: ArgumentsHost): void {
    log.push(`filtered: ${error.message}`);
  }
}

@Controller()
export class Shop {
  constructor(
    private readonly database: Database,
    private readonly health: HealthCheckService,
    private readonly topics: TopicsHealthIndicator,
    @InjectTopic('orders') private readonly orders: Topic<OrderDto>,
  ) {}

  @Post('orders')
  async place(@Body() order: OrderDto): Promise<{ offset: number }> {
    const { offset } = await this.orders.publish({ key: String(order.amount), value: order });
    return { offset };
  }

  @Subscribe('orders', { group: '${BILLING_GROUP}', retry: { attempts: 2, initialMs: 1, jitter: 0 } })
  @UseGuards(NotForbidden)
  @UseInterceptors(Audit)
  @UseFilters(Watch)
  async bill(@MessageValue() order: OrderDto, @MessageKey(ParseIntPipe) key: number): Promise<void> {
    if (!(order instanceof OrderDto)) throw new Error('not transformed');
    if (order.amount === 13) throw new Error('unlucky');
    await this.database.write(`billed ${order.customer} ${key + order.amount}`);
  }

  @EventPattern<string>('shipped')
  async shipped(@Payload() order: OrderDto, @Ctx() context: GenRocksContext): Promise<void> {
    await this.database.write(`shipped to ${order.customer} from ${context.getTopic()}`);
  }

  @MessagePattern({ cmd: 'price' })
  price(@Payload() { amount }: OrderDto): { cents: number } {
    return { cents: amount * 100 };
  }

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([
      () => this.topics.storage('storage'),
      () => this.topics.consumers('consumers'),
      () => this.topics.lag('lag', { max: 1_000, degraded: true }),
    ]);
  }
}

@Module({
  imports: [
    ConfigModule.forRoot({
      isGlobal: true,
      ignoreEnvFile: true,
      load: [() => ({ BILLING_GROUP: 'billing', drainTimeoutMs: 5_000 })],
    }),
    TopicsModule.forRootAsync({
      storage: DiskLogModule.forRootAsync({
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({ logDir: config.getOrThrow<string>('LOG_DIR') }),
      }),
      adapters: [{ module: EtsModule.forRoot(), adapter: EtsStorageAdapter }],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({ drainTimeoutMs: config.get<number>('drainTimeoutMs') }),
    }),
    TopicsModule.forFeature([{ name: 'orders', partitions: 2 }]),
    GenRocksTransportModule.forRoot({ group: 'shop' }),
    KafkaModule.forRoot({ port: 0 }),
    TerminusModule,
    TopicsHealthModule,
  ],
  controllers: [Shop],
  providers: [Database, { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true }) }],
})
export class AppModule {}
