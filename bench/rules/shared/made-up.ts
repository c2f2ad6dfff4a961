/** Kernel events made up in the proportions of the workload, for machines where none can be recorded. */

import { type RawRecording, RawWriter, readRaw } from '../../../src/events/kernel/raw-file.ts';
import { type Fields, record, ring } from '../../../test/events-kernel/slab-writer.ts';

const BATCHES = 30;
const EVENTS = 1000;

let seed = 7;
/** The same numbers in every run. */
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return (seed >>> 8) % below;
}

function processOf(index: number) {
  const name = `program${index % 20}`;
  return {
    tgid: 1000 + index,
    tid: 1000 + index,
    ppid: index > 0 ? 1000 + (index >> 1) : 0,
    start: 50 + index,
    exec_id: 3,
    comm: name,
    args: [name, '--flag', 'value'],
    exe_path: `/usr/bin/${name}`,
    cwd: '/srv/app',
    cgroup_path: '/system.slice/app.service',
  };
}

const processes = Array.from({ length: 60 }, (_, index) => processOf(index));

/** Whether events are in ordinary proportions, or all are the same call with a value that is new. */
export type Made = 'ordinary' | 'new paths' | 'new addresses';

function event(made: Made, time: number, process: ReturnType<typeof processOf>): Fields {
  const identity = { ...process, time };
  const chance = made === 'ordinary' ? random(300) : made === 'new paths' ? 300 : 1;
  if (chance === 0) return { ...identity, kind: 'exec', exec_id: ++process.exec_id };
  if (chance < 12) {
    const remote_addr = made === 'ordinary' ? [127, 0, 0, 1] : [1 + random(200), random(256), random(256), random(256)];
    return {
      ...identity,
      kind: 'socket',
      nr: 42,
      family: 2,
      sock_type: 1,
      protocol: 6,
      addr_family: 2,
      local_addr: [127, 0, 0, 1],
      remote_addr,
      local_port: 30_000 + random(9000),
      remote_port: 8080,
      fd: 7,
    };
  }
  const isNew = made !== 'ordinary' || random(3) === 0;
  // The last two letters are other ones in each play.
  const raw = isNew ? `/srv/data/file${time}xx` : `/usr/lib/x86_64-linux-gnu/lib${random(300)}.so.6`;
  return { ...identity, kind: 'open', nr: 257, ret: 3, dirfd: -100, raw, real: raw, open_flags: 0o2000000 };
}

export function madeUp(made: Made = 'ordinary'): RawRecording {
  const chunks: Uint8Array[] = [];
  const writer = new RawWriter((bytes) => chunks.push(Uint8Array.from(bytes)), {
    bootOffset: 1_700_000_000_000_000_000n,
  });
  writer.scan(ring(processes.map((process) => record({ ...process, kind: 'scan' }))));
  let current = processes[0] as ReturnType<typeof processOf>;
  for (let batch = 0; batch < BATCHES; batch++) {
    const records = Array.from({ length: EVENTS }, (_, index) => {
      // Events come in runs of a few of one process.
      if (random(5) === 0) current = processes[random(processes.length)] as ReturnType<typeof processOf>;
      return record(event(made, 100 + batch * EVENTS + index, current));
    });
    writer.slab(ring(records));
  }
  return readRaw(Buffer.concat(chunks), 'made-up events');
}
