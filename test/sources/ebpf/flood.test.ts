/** The loop over a real ring: how often it looks, and floods that come while it waits. */

import { availableParallelism } from 'node:os';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bootOffsetNs, openSensor } from '../../../native/index.ts';
import { Accounts } from '../../../src/events/accounts.ts';
import { KernelContext } from '../../../src/events/kernel/context.ts';
import { KIND } from '../../../src/events/kernel/layout.ts';
import { Capture } from '../../../src/sources/ebpf/capture.ts';
import { everything, only, prepare, whyNot } from '../../native/harness.ts';
import { Shell } from './shell.ts';
import { contextFor } from './support.ts';

const ringBytes = 1 << 24;
/** Together they send more than there is room for: an open is 320 bytes. */
const FLOODS = Math.max(2, availableParallelism());
const OPENS = Math.ceil((1.25 * ringBytes) / 320 / FLOODS);

describe.skipIf(whyNot())('the loop over a real ring', () => {
  let place: ReturnType<typeof prepare>;
  let shell: Shell;
  let capture: Capture | undefined;
  beforeAll(() => {
    place = prepare();
  });
  beforeEach(async () => {
    shell = new Shell();
    await shell.run(':');
  });
  afterEach(async () => {
    capture?.close();
    await shell.stop();
  });

  /** Looks at what the shell does, of which nothing ever comes. */
  function start(maxWait: number) {
    const sensor = openSensor({
      ...everything,
      ...only('open', 'openat'),
      ringBytes,
      scope: { descendantsOf: shell.pid },
    });
    const seen = { looks: 0, opens: 0 };
    const drain = (into: Uint8Array, rows?: Uint32Array) => {
      seen.looks++;
      return sensor.drain(into, rows);
    };
    const ctx = contextFor({ fields: new Set(), types: 'all' });
    capture = new Capture({
      sensor: { ...sensor, drain },
      ctx,
      kinds: new Set([KIND.open]),
      context: new KernelContext({ names: new Accounts(), bootOffset: bootOffsetNs(), hostname: 'x' }),
      bootOffset: bootOffsetNs,
      ringBytes,
      maxWait,
      deliver: (slab) => {
        seen.opens += slab.length;
      },
      failed: (error) => ctx.said.push({ type: 'drop', fields: { reason: 'failed', message: String(error) } }),
    });
    capture.start();
    /** Runs a line, until what came of it into the ring has been looked at. */
    const run = async (line: string) => {
      await shell.run(line);
      const { open = 0, openat = 0 } = sensor.counters().sent;
      while (seen.opens < open + openat) await new Promise((done) => setTimeout(done, 5));
    };
    return { sensor, ctx, seen, run };
  }

  /** A line of shell that opens a file so often, with a little time between. */
  const steadily = (opens: number) =>
    `i=0; while [ $i -lt ${opens} ]; do : < /etc/hostname; i=$((i+1)); j=0; while [ $j -lt 20 ]; do j=$((j+1)); done; done`;

  it('looks rarely while nothing comes of the events', async () => {
    const maxWait = 100;
    const { seen, run } = start(maxWait);
    await run(steadily(3000));
    const { looks } = seen;
    const began = performance.now();
    await run(steadily(20_000));
    expect(seen.opens).toBeGreaterThanOrEqual(23_000);
    // However slow the machine is: a wait is no shorter for that.
    expect((seen.looks - looks) * maxWait).toBeLessThan(4 * (performance.now() - began));
  });

  it('loses nothing of floods on all processors that come while it waits', async () => {
    const { sensor, ctx, seen, run } = start(400);
    await run(steadily(8000));
    const before = seen.opens;
    // Who floods yields to who looks: else it is the scheduler that is tested.
    const flood = `echo opens ${OPENS} /etc/hostname | nice -n 19 ${place.program} > /dev/null &`;
    await run(`${Array(FLOODS).fill(flood).join('\n')}\nwait`);
    const { dropped, refused } = sensor.counters();
    expect([dropped, refused].flatMap((counts) => Object.entries(counts).filter(([, count]) => count > 0))).toEqual([]);
    expect(seen.opens - before).toBeGreaterThanOrEqual(FLOODS * OPENS);
    expect(ctx.said).toEqual([]);
  });
});
