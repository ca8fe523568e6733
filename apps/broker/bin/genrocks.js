#!/usr/bin/env node
'use strict';

// Every partition that is written has a call of its own waiting for the device, and reads wait behind them where there are
// only libuv's four threads. Their number is fixed once the first one starts, which loading an ES module does on Node
// 20: so this file is CommonJS.
process.env.UV_THREADPOOL_SIZE ??= '16';

import('../dist/main.js');
