/**
 * What a kernel event costs in JavaScript: `node bench/events-kernel.ts`. CPU time a record of open with 35-byte paths, of
 * 200 processes; the first row is what each batch costs whoever reads it (copy, check, find each event's process), the
 * others add one field each. Medians; ratios to a copy of the same bytes.
 */
import { catalogues } from '../src/events/catalogue.ts';
import { kernelForm } from '../src/events/kernel/form.ts';
import type { KernelReader } from '../src/events/kernel/readers.ts';
import { Bench, type Fields, record, ring } from '../test/events-kernel/slab-writer.ts';

const EVENTS = 3000;
const FIELDS = [
  'evt.type',
  'fd.name',
  'fd.realpath',
  'evt.is_open_write',
  'proc.name',
  'proc.exepath',
  'proc.cmdline',
  'proc.pname',
  'proc.aname[3]',
  'proc.aname',
  'user.name',
  'container.id',
  'evt.arg.flags',
  'evt.time',
];

let seed = 7;
/** The same numbers in every run. */
const random = (below: number) => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return (seed >>> 8) % below;
};

const processes = Array.from({ length: 200 }, (_, index) => ({
  tgid: 1000 + index,
  tid: 1000 + index,
  ppid: index > 0 ? 1000 + (index >> 1) : 0,
  start: 50 + index,
  exec_id: 3,
  comm: `program${index % 40}`,
  args: [`program${index}`, '--flag', 'value'],
  exe_path: `/usr/bin/program${index % 40}`,
  cwd: '/srv/app',
}));

function openRecord(process: (typeof processes)[number], time: number): Buffer {
  const name = random(300);
  const relative = name % 7 === 0;
  const raw = relative ? `lib/module${name}.js` : `/usr/lib/x86_64-linux-gnu/lib${name}.so.6`;
  const fields: Fields = {
    ...process,
    kind: 'open',
    time,
    nr: 257,
    ret: 3,
    dirfd: -100,
    raw,
    base: relative ? '/srv/app' : '',
    real: relative ? `/srv/app/${raw}` : raw,
    open_flags: 0o2000000,
  };
  return record(fields);
}

let current = processes[0];
const bytes = ring(
  Array.from({ length: EVENTS }, (_, time) => {
    // Events come in runs: four in five are of the process of the one before.
    if (random(5) === 0) current = processes[random(processes.length)];
    return openRecord(current as (typeof processes)[number], time);
  }),
);

/** Median CPU time of a call, in ns an event. */
function measure(run: () => void): number {
  for (let round = 0; round < 300; round++) run();
  const times = Array.from({ length: 9 }, () => {
    const before = process.cpuUsage();
    for (let round = 0; round < 100; round++) run();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / (100 * EVENTS);
  });
  return times.sort((a, b) => a - b)[4] as number;
}

const bench = new Bench().load(...processes);

function readBatch(readers: readonly KernelReader[]): number {
  const slab = bench.raw(bytes);
  let found = 0;
  for (let index = 0; index < slab.length; index++) {
    const event = slab.at(index);
    if (event === undefined) continue;
    for (const read of readers) if (read(event) !== undefined) found++;
  }
  slab.release();
  return found;
}

const target = new Uint8Array(bytes.length);
const copy = measure(() => target.set(bytes));
const row = (name: string, time: number) =>
  console.log(`${name.padEnd(20)} ${time.toFixed(1).padStart(7)} ns  ${(time / copy).toFixed(1).padStart(5)}x`);

row('copy', copy);
const batch = measure(() => readBatch([]));
row('batch', batch);
for (const name of FIELDS) {
  const ref = catalogues.get('syscall')?.find(name);
  const reader = ref && kernelForm.reader(ref);
  if (reader === undefined) throw new Error(`no reader for ${name}`);
  row(`+ ${name}`, measure(() => readBatch([reader])) - batch);
}
