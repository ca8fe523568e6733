import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Ledger, randomLimits } from './ledger.js';
import { LoopDisk, loopDisksUnavailable } from './loop-disk.js';
import type { Rig, Torture } from './torture.js';

async function run({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    const disk = await LoopDisk.create();
    const ledger = new Ledger(join(disk.mountPoint, 'logs'), random.int(2 ** 31), randomLimits(random));
    let cuts = 0;
    try {
      for (; cuts < 8 && (cuts < 2 || more()); cuts++) {
        const writer = ledger.write(random.pick([1, 8, 64]));
        await writer.started();
        await new Promise((resolve) => setTimeout(resolve, random.int(250)));
        disk.cut(writer.pid);
        await writer.kill();
        disk.restart();
        await ledger.check(writer);
      }
      const { done, lost, badBytes, limits } = ledger;
      say(
        `  ${cuts} power cuts over ${JSON.stringify(limits)}: ${done} operations, ${lost} unfinished, ${badBytes} torn bytes`,
      );
    } catch (error) {
      throw new Error(`seed ${ledger.seed}, ${JSON.stringify(ledger.limits)}`, { cause: error });
    } finally {
      await disk.remove();
    }
  }
}

/** A power cut on a real file system: everything that was not synced is gone, everything acknowledged is there. */
export const powerCutRig: Rig = { name: 'power-cut', unavailable: loopDisksUnavailable, run };
