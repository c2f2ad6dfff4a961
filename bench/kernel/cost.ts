/**
 * What tracing costs the traced process: `node bench/kernel/cost.ts [TURNS]`, as root. Ratios of one run. All that is
 * compared is loaded beforehand and takes turns of some milliseconds, for the machine itself changes its pace; of all chunks
 * of a configuration the one counts that a twentieth is quicker than. The sensor is scoped to the measured loop alone.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openSensor, type Sensor, type SensorOptions } from '../../native/index.ts';
import type { Necessary } from '../../src/core/necessary.ts';

const turns = Number(process.argv[2] ?? 30);
const chunks = 6;
const operations = { getppid: 5000, 'open+close': 700, 'connect+close': 200 } as const;
type Operation = keyof typeof operations;

const here = fileURLToPath(new URL('.', import.meta.url));
const output = join(here, `../../native/.output/${process.arch}`);
const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-cost-'));

/** Compiles the loop, the floor program and what attaches it. */
function build(): void {
  const bpfArch = process.arch === 'x64' ? 'x86' : 'arm64';
  const run = (command: string, words: string[]) => execFileSync(command, words, { stdio: 'inherit' });
  run('gcc', ['-O2', '-o', join(folder, 'loop'), join(here, 'loop.c')]);
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
  const object = join(folder, 'return-only.bpf.o');
  run(process.env.CLANG ?? 'clang-19', [
    '-O2',
    '-g',
    '-target',
    'bpf',
    ...include,
    '-c',
    join(here, 'return-only.bpf.c'),
    '-o',
    object,
  ]);
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

type Options = Pick<SensorOptions, 'calls' | 'real' | 'file'>;
const none: Options = { calls: new Map(), real: false, file: false };
const calls = ['open', 'creat', 'openat', 'openat2', 'connect', 'execve'] as const;
const all = new Map(calls.map((name) => [name, 'all' as const]));
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
const filtered = (opens: Necessary) =>
  new Map<string, 'all' | Necessary>(calls.map((name) => [name, name.includes('open') ? opens : 'all']));

function sensorOf(pid: number, options: Options): Compared {
  const scope = { descendantsOf: pid };
  const sensor: Sensor = openSensor({ ...none, ringBytes: 16 << 20, env: false, scope });
  const buffer = new Uint8Array(16 << 20);
  return {
    on: () => sensor.configure({ ...options, env: false }),
    off: () => {
      sensor.configure({ ...none, env: false });
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

async function floor(): Promise<Compared> {
  const program = new Talker(join(folder, 'attach'), [join(folder, 'return-only.bpf.o')]);
  await program.next();
  return { on: () => program.ask('on'), off: () => program.ask('off'), close: () => program.stop() };
}

const nothing: Compared = { on: () => {}, off: () => {}, close: () => {} };

const configurations: Readonly<Record<string, (pid: number) => Compared | Promise<Compared>>> = {
  bare: () => nothing,
  'sys_exit, return only': floor,
  'processes only': (pid) => sensorOf(pid, none),
  'all, with real path': (pid) => sensorOf(pid, { calls: all, real: true, file: true }),
  'all, path as text': (pid) => sensorOf(pid, { calls: all, real: false, file: true }),
  'dropped by flags': (pid) => sensorOf(pid, { calls: filtered(writes), real: false, file: true }),
  'dropped by text': (pid) => sensorOf(pid, { calls: filtered(etc), real: false, file: true }),
  'dropped by real path': (pid) => sensorOf(pid, { calls: filtered(real), real: true, file: true }),
};

type Chunks = Record<Operation, number[]>;

async function turn(loop: Talker, compared: Compared, into: Chunks): Promise<void> {
  await compared.on();
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (const [operation, times] of Object.entries(operations) as [Operation, number][]) {
      into[operation].push(Number(await loop.ask(`${operation} ${times}`)));
    }
  }
  await compared.off();
}

const quick = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 20)] ?? Number.NaN;

function print(results: ReadonlyMap<string, Chunks>): void {
  const names = Object.keys(operations) as Operation[];
  const cell = (text: string) => text.padStart(26);
  console.log(`${''.padEnd(26)}${names.map(cell).join('')}`);
  for (const [configuration, seen] of results) {
    const cells = names.map((name) => {
      const [ns, bare] = [quick(seen[name]), quick(results.get('bare')?.[name] ?? [])];
      return cell(`${ns.toFixed(0)} ns  +${(ns - bare).toFixed(0)}  ${(ns / bare).toFixed(3)}x`);
    });
    console.log(`${configuration.padEnd(26)}${cells.join('')}`);
  }
}

try {
  build();
  const file = join(folder, 'some-file-with-a-name-of-usual-length.txt');
  writeFileSync(file, 'x');
  const loop = new Talker(join(folder, 'loop'), [file, String(availableParallelism() - 1)]);
  const results = new Map<string, Chunks>();
  const compared: [Compared, Chunks][] = [];
  for (const [name, open] of Object.entries(configurations)) {
    const seen: Chunks = { getppid: [], 'open+close': [], 'connect+close': [] };
    results.set(name, seen);
    compared.push([await open(loop.child.pid ?? 0), seen]);
  }
  for (let count = 0; count < turns; count++) for (const [each, seen] of compared) await turn(loop, each, seen);
  for (const [each] of compared) await each.close();
  await loop.stop();
  print(results);
} finally {
  rmSync(folder, { recursive: true });
}
