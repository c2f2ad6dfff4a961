/** `falco-pipe record --raw`: the scan and the bytes of the ring as they come, for measuring and for reports of bugs. */

import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootOffsetNs, CALLS, openSensor } from '../../native/index.ts';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { createLogger } from '../core/log.ts';
import { RawWriter } from '../events/kernel/raw-file.ts';

const RING = 16 * 1024 * 1024;
const SLAB = 512 * 1024;
const IDLE_MS = 5;

/** Records everything of a process and its descendants, or of the machine, until `end`, asked once it has begun, resolves. */
export async function recordRaw(file: string, scope: number | undefined, end: () => Promise<void>): Promise<void> {
  const log = createLogger();
  const sensor = openSensor({
    ringBytes: RING,
    calls: new Map(Object.keys(CALLS).map((name) => [name, 'all'])),
    env: true,
    real: true,
    file: true,
    ...(scope === undefined ? {} : { scope: { descendantsOf: scope } }),
  });
  try {
    const out = create(file);
    try {
      const hostMountNamespace = statSync('/proc/self/ns/mnt', { throwIfNoEntry: false })?.ino;
      const writer = new RawWriter((bytes) => writeSync(out, bytes), {
        bootOffset: bootOffsetNs(),
        hostMountNamespace,
      });
      writer.scan(sensor.scan());
      log.info(`recording to ${file}; stop with Ctrl-C`);
      let over = false;
      void end().then(() => {
        over = true;
      });
      const slab = new Uint8Array(SLAB);
      let written = 0;
      for (let length = sensor.drain(slab); !over || length > 0; length = sensor.drain(slab)) {
        if (length === 0) await sleep(IDLE_MS);
        else writer.slab(slab.subarray(0, length));
        written += length;
      }
      const { dropped, refused } = sensor.counters();
      const lost = [...Object.values(dropped), ...Object.values(refused)].reduce((sum, count) => sum + count, 0);
      log.info(`${written} bytes of records written to ${file}, ${lost} records lost`);
    } finally {
      closeSync(out);
    }
  } finally {
    sensor.close();
  }
}

function create(file: string): number {
  try {
    return openSync(file, 'w', 0o600);
  } catch (error) {
    throw new UserError(`Cannot write ${file}: ${messageOf(error)}`, { exit: exitCode.failure, cause: error });
  }
}
