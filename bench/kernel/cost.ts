/**
 * What tracing costs the traced process: `node bench/kernel/cost.ts [ROUNDS]`, as root. Ratios of one run,
 * configurations interleaved; in each round the second lowest of eight chunks counts, over the rounds the median. The
 * sensor is scoped to the measured loop alone, which costs it one look-up more a record than it has on a whole machine.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openSensor, type Sensor } from '../../native/index.ts';

const rounds = Number(process.argv[2] ?? 5);
const chunks = 8;
const operations = { getppid: 40_000, 'open+close': 8_000, 'connect+close': 3_000 } as const;
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

interface Attached {
  /** Empties the ring, so that the next chunk finds room. */
  empty(): void;
  close(): Promise<void> | void;
}

function sensorOf(pid: number, calls: boolean): Attached {
  const options = { ringBytes: 16 << 20, open: calls, connect: calls, failedExec: false, env: false };
  const sensor: Sensor = openSensor({ ...options, scope: { descendantsOf: pid } });
  const buffer = new Uint8Array(16 << 20);
  return {
    empty: () => {
      while (sensor.drain(buffer) > 0);
    },
    close: () => {
      const { dropped, refused } = sensor.counters();
      sensor.close();
      if (dropped.open + refused.open + dropped.connect > 0)
        throw new Error('the ring was full: the figures are too low');
    },
  };
}

async function floor(): Promise<Attached> {
  const attached = new Talker(join(folder, 'attach'), [join(folder, 'return-only.bpf.o')]);
  await attached.next();
  return { empty: () => {}, close: () => attached.stop() };
}

const nothing: Attached = { empty: () => {}, close: () => {} };

const configurations: Readonly<Record<string, (pid: number) => Attached | Promise<Attached>>> = {
  bare: () => nothing,
  'sys_exit, return only': floor,
  'processes only': (pid) => sensorOf(pid, false),
  'processes, open, connect': (pid) => sensorOf(pid, true),
};

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function round(loop: Talker, attached: Attached): Promise<Record<Operation, number>> {
  const seen: Record<Operation, number[]> = { getppid: [], 'open+close': [], 'connect+close': [] };
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (const [operation, times] of Object.entries(operations) as [Operation, number][]) {
      seen[operation].push(Number(await loop.ask(`${operation} ${times}`)));
      attached.empty();
    }
  }
  const second = (operation: Operation) => seen[operation].toSorted((a, b) => a - b)[1] ?? Number.NaN;
  return { getppid: second('getppid'), 'open+close': second('open+close'), 'connect+close': second('connect+close') };
}

function print(results: Readonly<Record<string, Record<Operation, number>[]>>): void {
  const names = Object.keys(operations) as Operation[];
  const cell = (text: string) => text.padStart(26);
  console.log(`${''.padEnd(26)}${names.map(cell).join('')}`);
  for (const [configuration, rows] of Object.entries(results)) {
    const cells = names.map((name) => {
      const ns = middle(rows.map((row) => row[name]));
      const bare = results.bare ?? [];
      const added = middle(rows.map((row, index) => row[name] - (bare[index]?.[name] ?? Number.NaN)));
      const ratio = middle(rows.map((row, index) => row[name] / (bare[index]?.[name] ?? Number.NaN)));
      return cell(`${ns.toFixed(0)} ns  +${added.toFixed(0)}  ${ratio.toFixed(3)}x`);
    });
    console.log(`${configuration.padEnd(26)}${cells.join('')}`);
  }
}

try {
  build();
  const file = join(folder, 'some-file-with-a-name-of-usual-length.txt');
  writeFileSync(file, 'x');
  const loop = new Talker(join(folder, 'loop'), [file, String(availableParallelism() - 1)]);
  const results: Record<string, Record<Operation, number>[]> = {};
  for (let count = 0; count < rounds; count++) {
    for (const [name, attach] of Object.entries(configurations)) {
      const attached = await attach(loop.child.pid ?? 0);
      (results[name] ??= []).push(await round(loop, attached));
      await attached.close();
    }
  }
  await loop.stop();
  print(results);
} finally {
  rmSync(folder, { recursive: true });
}
