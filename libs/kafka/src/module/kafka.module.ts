import { Module } from '@nestjs/common';
import { KafkaListener } from '../kafka-listener.js';
import { ConfigurableModuleClass } from './kafka.module-definition.js';

/**
 * Adds a Kafka-protocol listener for the application's topics. The application must import TopicsModule too.
 *
 * @example
 * imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() }), KafkaModule.forRoot({ port: 0 })]
 * // after app.init():
 * app.get(KafkaListener).bootstrap; // '127.0.0.1:40713'
 *
 * @publicApi
 */
@Module({ providers: [KafkaListener], exports: [KafkaListener] })
export class KafkaModule extends ConfigurableModuleClass {}
