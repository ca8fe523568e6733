import { NestFactory } from '@nestjs/core';
import { appModule, Orders } from './embed.js';

const app = await NestFactory.createApplicationContext(appModule('./gen_rocks_data'));
app.enableShutdownHooks(); // on SIGTERM: handlers finish, offsets are committed, storage closes last
await app.get(Orders).place({ customer: 'ada', amount: 42 });
