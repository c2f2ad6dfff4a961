/**
 * What tracing costs the traced process: `node bench/kernel/cost.ts [TURNS]`, as root. Ratios of one run. All that is
 * compared is loaded beforehand and takes turns of some milliseconds, for the machine itself changes its pace; of all chunks
 * of a configuration the one counts that a twentieth is quicker than. The sensor is scoped to the measured loop alone. What
 * runs at an exec cannot be switched off, so of vfork+exec each configuration is loaded for its turn and counts by the
 * median. Rules are Falco's, or ours where those are not beside the repository. What nothing that sees calls at their end can
 * do without is measured beside ours: floor.bpf.c.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openSensor, type Sensor, type SensorDemand } from '../../native/index.ts';
import type { Necessary } from '../../src/core/flow/necessary.ts';
import { loadPlan } from '../../src/pipeline/plan/load.ts';
import { wantedFor } from '../../src/sources/ebpf/wanted.ts';
import { clang } from '../../test/native/compile.ts';
import { scratch } from '../shared/scratch.ts';
import { cannotMeasure } from './shared/launched.ts';
import { keepResults } from './shared/results.ts';
import { ruleSets } from './shared/rule-sets.ts';

if (cannotMeasure) {
  console.log(`skipped: ${cannotMeasure}`);
  process.exit();
}

const turns = Number(process.argv[2] ?? 30);
const chunks = 6;
const operations = {
  getppid: 5000,
  'open+close': 700,
  'socket+connect+close': 200,
  'connect-in-progress': 200,
  pwrite: 2000,
} as const;
type Operation = keyof typeof operations;
const names = Object.keys(operations) as Operation[];
const EXEC = 'vfork+exec';
const execs = 20;
const execTurns = Math.ceil(turns / 4);

const here = fileURLToPath(new URL('.', import.meta.url));
const output = join(here, `../../native/.output/${process.arch}`);
const folder = scratch();

/** Compiles the loop, the floors and what attaches them. */
function build(): void {
  const bpfArch = process.arch === 'x64' ? 'x86' : 'arm64';
  const run = (command: string, words: string[]) => execFileSync(command, words, { stdio: 'inherit' });
  run('gcc', ['-O2', '-static', '-o', join(folder, 'loop'), join(here, 'loop.c')]);
  const libbpf = join(output, 'libbpf.a');
  run('gcc', [
    '-O2',
    `-I${output}/include`,
    '-o',
    join(folder, 'attach'),
    join(here, 'attach.c'),
    libbpf,
    '-lelf',
    '-lz',
  ]);
  const include = [`-I${output}/include`, `-I${join(here, '../../native/bpf')}`, `-D__TARGET_ARCH_${bpfArch}`];
  const object = join(folder, 'floor.bpf.o');
  run(clang, ['-O2', '-g', '-target', 'bpf', ...include, '-c', join(here, 'floor.bpf.c'), '-o', object]);
}

/** A child that answers lines with lines. */
class Talker {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  constructor(command: string, words: string[]) {
    this.child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!this.child.stdout) throw new Error('no stdout');
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.child.spawnfile} ended`);
    return value;
  }
  async ask(line: string): Promise<string> {
    this.child.stdin?.write(`${line}\n`);
    return this.next();
  }
  async stop(): Promise<void> {
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.stdin?.end();
    await ended;
  }
}

/** What is compared: it is switched on for its turn. */
interface Compared {
  on(): unknown;
  off(): unknown;
  close(): unknown;
}

const none: SensorDemand = { calls: new Map(), real: false, file: false, env: false };
const calls = ['open', 'creat', 'openat', 'openat2', 'connect', 'execve'] as const;
/** What no open of the loop fulfils: writes, other prefixes, other names. */
const etc: Necessary = [
  { writes: true },
  {
    paths: [
      { of: 'text', kind: 'prefix', value: '/etc/' },
      { of: 'text', kind: 'name', value: 'credentials' },
    ],
  },
];
const writes: Necessary = [{ writes: true }];
const real: Necessary = [{ paths: [{ of: 'real', kind: 'prefix', value: '/etc/' }] }];
/** What no connect of the loop fulfils. */
const unix: Necessary = [{ sockets: new Set(['unix']) }];
const elsewhere: Necessary = [{ ends: [{ end: 'remote', of: 'address', values: ['169.254.169.254'] }] }];
const outside: Necessary = [
  { ends: [{ end: 'remote', of: 'address', values: ['127.0.0.0/8', '::1'], outside: true }] },
];
const of = (opens: 'all' | Necessary) =>
  new Map<string, 'all' | Necessary>(calls.map((name) => [name, name.includes('open') ? opens : 'all']));

/** What the pipeline of some rules asks of the kernel. */
async function demandOf(files: readonly string[], pushdown: boolean): Promise<SensorDemand> {
  const path = join(folder, 'pipeline.yaml');
  const rules = `{ type: rules, from: node, files: ${JSON.stringify(files)} }`;
  const graph = `sources: { node: { type: ebpf } }\noperators: { detect: ${rules} }\n`;
  writeFileSync(path, `${graph}sinks: { out: { type: stdout, from: detect } }\n`);
  const { plan } = await loadPlan(path);
  return wantedFor(plan.sources[0]?.demand.get('syscall'), { failedExec: false, pushdown }).sensor;
}

function sensorOf(pid: number, demand: SensorDemand): Compared {
  const scope = { descendantsOf: pid };
  const ringBytes = 16 << 20;
  const sensor: Sensor = openSensor({ ...none, ringBytes, scope });
  const buffer = new Uint8Array(ringBytes);
  return {
    on: () => {
      sensor.configure(demand);
      // As the agent does, which waits most of the time.
      sensor.arm(ringBytes / 4);
    },
    off: () => {
      sensor.configure(none);
      while (sensor.drain(buffer) > 0);
    },
    close: () => {
      const { dropped, refused } = sensor.counters();
      sensor.close();
      const lost = [...Object.values(dropped), ...Object.values(refused)].some((count) => count > 0);
      if (lost) throw new Error('the ring was full: the figures are too low');
    },
  };
}

/** The least that must be done, by the programs of floor.bpf.c. */
const floors = {
  'sys_exit, return only': 'return_only',
  'sys_exit, path read': 'read_path',
  'sys_exit, path sent': 'send_record',
  'sys_exit, path sent with all': 'send_known',
} as const;

async function floor(name: string, pid: number): Promise<Compared> {
  const program = new Talker(join(folder, 'attach'), [join(folder, 'floor.bpf.o'), name, String(pid)]);
  const told = async (answer: string | Promise<string>) => {
    if ((await answer) === 'full') throw new Error('the ring was full: the figures are too low');
  };
  await program.next();
  return { on: () => told(program.ask('on')), off: () => told(program.ask('off')), close: () => program.stop() };
}

const nothing: Compared = { on: () => {}, off: () => {}, close: () => {} };

type Open = (pid: number) => Compared | Promise<Compared>;

async function configurations(): Promise<ReadonlyMap<string, Open>> {
  const demands: [string, SensorDemand][] = [['processes only', none]];
  for (const [name, files] of ruleSets) demands.push([name, await demandOf(files, true)]);
  const [name, files] = ruleSets.at(-1) as (typeof ruleSets)[number];
  demands.push([`${name}, no pushdown`, await demandOf(files, false)]);
  const calls = (opens: 'all' | Necessary, real: boolean, file = true) => ({ ...none, calls: of(opens), real, file });
  const connects = (wanted: 'all' | Necessary) => ({ ...none, calls: new Map([['connect', wanted]]) });
  demands.push(
    ['opens with real path', calls('all', true)],
    ['opens with path as text', calls('all', false)],
    ['opens with path, nothing of the file', calls('all', false, false)],
    ['opens dropped by flags', calls(writes, false)],
    ['opens dropped by text', calls(etc, false)],
    ['opens dropped by real path', calls(real, true)],
    ['connects', connects('all')],
    ['connects dropped by kind', connects(unix)],
    ['connects dropped by address', connects(elsewhere)],
    ['connects dropped by other networks', connects(outside)],
  );
  const sensors = demands.map(([each, demand]) => [each, (pid: number) => sensorOf(pid, demand)] as const);
  const least = Object.entries(floors).map(([each, name]) => [each, (pid: number) => floor(name, pid)] as const);
  return new Map<string, Open>([['bare', () => nothing], ...least, ...sensors]);
}

type Chunks = Record<Operation | typeof EXEC, number[]>;

async function turn(loop: Talker, compared: Compared, into: Chunks): Promise<void> {
  await compared.on();
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (const [operation, times] of Object.entries(operations) as [Operation, number][]) {
      into[operation].push(Number(await loop.ask(`${operation} ${times}`)));
    }
  }
  await compared.off();
}

/** The value that a share of the others is below. */
const at = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

interface Row {
  readonly ns: number;
  readonly added: number;
  readonly ratio: number;
}

function rowsOf(results: ReadonlyMap<string, Chunks>): Record<string, Record<string, Row>> {
  const row = (name: Operation | typeof EXEC, seen: Chunks | undefined): Row => {
    const share = name === EXEC ? 0.5 : 0.05;
    const [ns, bare] = [at(seen?.[name] ?? [], share), at(results.get('bare')?.[name] ?? [], share)];
    const rounded = (value: number, digits: number) => Number(value.toFixed(digits));
    return { ns: rounded(ns, 0), added: rounded(ns - bare, 0), ratio: rounded(ns / bare, 3) };
  };
  const rows = [...results].map(([configuration, seen]) => [
    configuration,
    Object.fromEntries([...names, EXEC as typeof EXEC].map((name) => [name, row(name, seen)])),
  ]);
  return Object.fromEntries(rows);
}

function print(rows: Record<string, Record<string, Row>>): void {
  const cell = (text: string) => text.padStart(28);
  console.log(`${''.padEnd(36)}${[...names, EXEC].map(cell).join('')}`);
  for (const [configuration, row] of Object.entries(rows)) {
    const cells = Object.values(row).map(({ ns, added, ratio }) =>
      cell(`${ns} ns  ${added < 0 ? '' : '+'}${added}  ${ratio.toFixed(3)}x`),
    );
    console.log(`${configuration.padEnd(36)}${cells.join('')}`);
  }
}

build();
const file = join(folder, 'some-file-with-a-name-of-usual-length.txt');
writeFileSync(file, 'x');
const loop = new Talker(join(folder, 'loop'), [file, String(availableParallelism() - 1), file]);
const pid = loop.child.pid ?? 0;
const results = new Map<string, Chunks>();
const opened: [Compared, Chunks][] = [];
const all = await configurations();
for (const [name, open] of all) {
  const seen = Object.fromEntries([...names, EXEC].map((operation) => [operation, [] as number[]])) as Chunks;
  results.set(name, seen);
  opened.push([await open(pid), seen]);
}
for (let count = 0; count < turns; count++) for (const [each, seen] of opened) await turn(loop, each, seen);
for (const [each] of opened) await each.close();
for (let count = 0; count < execTurns; count++) {
  for (const [name, open] of all) {
    const compared = await open(pid);
    await compared.on();
    results.get(name)?.[EXEC].push(Number(await loop.ask(`${EXEC} ${execs}`)));
    await compared.off();
    await compared.close();
  }
}
await loop.stop();
const rows = rowsOf(results);
print(rows);
keepResults('cost', { turns, unit: 'ns of CPU time for each operation', rows });
