/** The spool of a sink: MB/s and events/s written and read back, and the size on disk. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { EventRecord } from '../../src/events/record.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { SinkKeep } from '../../src/store/keep.ts';
import { Store } from '../../src/store/store.ts';
import { scratch } from '../shared/scratch.ts';

const BATCH = 256;
const BATCHES = 1000;

const folder = scratch();
const store = await Store.open(folder, (error) => {
  throw error;
});
const keep = new SinkKeep(store, 'out');
const spool = (events: readonly EventRecord[]) => keep.spool(events, Number.MAX_SAFE_INTEGER);
const event = (n: number) =>
  new EventRecord('syscall', 'openat', 1_700_000_000_000_000_000n + BigInt(n), {
    'proc.name': `proc-${n % 50}`,
    'proc.cmdline': `proc-${n % 50} --config /etc/service/${n % 997}.conf --verbose`,
    'fd.name': `/var/lib/service/data/${n}.db`,
    'user.name': 'root',
    'proc.pid': n,
  });
const batches = Array.from({ length: BATCHES }, (_, b) =>
  Array.from({ length: BATCH }, (_, n) => event(b * BATCH + n)),
);
const megabytes = batches.flat().reduce((sum, each) => sum + recordJson(each).length + 1, 0) / 1e6;

async function timed(name: string, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const rate = Math.round((BATCH * BATCHES) / seconds / 1000);
  console.log(`${name}: ${(megabytes / seconds).toFixed(0)} MB/s of JSON, ${rate} thousand events/s`);
}

await timed('write', async () => {
  for (const events of batches) {
    // Past what may be under way nothing is taken: the queue of a sink would drop here.
    for (let written = spool(events); !written; written = spool(events)) await store.committed();
  }
  await store.committed();
});
const size = statSync(join(folder, 'state.db')).size + statSync(join(folder, 'state.db-wal')).size;
console.log(`on disk: ${(size / 1e6).toFixed(0)} MB for ${megabytes.toFixed(0)} MB`);
await timed('drain', async () => {
  const next = () => keep.next(BATCH * 4);
  for (let parcels = await next(); parcels; parcels = await next()) {
    for (const { ack } of parcels) ack.settle('delivered');
  }
  await store.committed();
});
await store.close();
