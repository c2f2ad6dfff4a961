/**
 * The built program under an open loop on one CPU: `node bench/kernel/live.ts [SECONDS]`, 20 by default, as root. With all
 * of Falco's rules (ours, where those are not beside the repository) and one that raises an alert for every thousandth open:
 * opens a second, losses, CPU time an event, and the time from the kernel's timestamp to the alert written, as a reader in C
 * sees it. First idle, then ten alerts a second, beside lines that `cat` and Node.js only pass on, which is the least that it
 * can take; then a thousand opens a second, each judged, by how long events may wait for
 * others (`max_wait`), then flat out, with what no rule can match dropped in the kernel, and with every open judged and no
 * alert, which tells what an event costs. A flat-out loop has run as long before it is measured:
 * V8 compiles meanwhile, once in an agent's life. With the fewest rules also what it holds when idle. Budgets: idle 0.5 % of
 * a core, 100 MB; p50 / p99 of 1 / 5 ms, 0.2 ms p50 when sparse; 150 / 250 ns an event with the fewest and with all rules;
 * no losses.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Stream } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../shared/scratch.ts';
import { cannotMeasure, cpuMs, Launched, rssMb } from './shared/launched.ts';
import { keepResults } from './shared/results.ts';
import { ruleSets } from './shared/rule-sets.ts';

if (cannotMeasure) {
  console.log(`skipped: ${cannotMeasure}`);
  process.exit();
}
const seconds = Number(process.argv[2] ?? 20);
const folder = scratch();
const [plain, marked] = [join(folder, 'some-file-with-a-name-of-usual-length.txt'), join(folder, 'marked')];
for (const path of [plain, marked]) writeFileSync(path, 'x');
const marking = join(folder, 'marking.yaml');
writeFileSync(
  marking,
  `- rule: Marked
  desc: d
  condition: evt.type in (open, openat) and fd.name = ${marked}
  output: marked (file=%fd.name process=%proc.name parent=%proc.pname user=%user.name container=%container.id)
  priority: NOTICE
`,
);
for (const program of ['loop', 'stamp'])
  execFileSync('gcc', ['-O2', '-static', '-o', join(folder, program), join(import.meta.dirname, `${program}.c`)]);
const startLoop = (beats: Stream | 'ignore') =>
  spawn(join(folder, 'loop'), [plain, String(availableParallelism() - 1), marked], {
    stdio: ['pipe', 'pipe', 'inherit', beats],
  });
const loop = startLoop('ignore');
const ask = (line: string, of: ChildProcess = loop) =>
  new Promise<number>((done) => {
    of.stdout?.once('data', (data) => done(Number(data)));
    of.stdin?.write(`${line}\n`);
  });

/** The program, and how long after the kernel's timestamp each of its alerts was written, in ms. */
class Watched {
  latencies: number[] = [];
  #rest = '';
  #program: Launched | undefined;
  #stamp: ChildProcess | undefined;

  /** `options`: of the source. */
  async start(files: readonly string[], options = ''): Promise<this> {
    const path = join(folder, 'pipeline.yaml');
    writeFileSync(
      path,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${loop.pid} }${options} } }
operators: { detect: { type: rules, from: node, files: ${JSON.stringify(files)} } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
    );
    const stamp = spawn(join(folder, 'stamp'), { stdio: ['pipe', 'pipe', 'inherit'] });
    stamp.stdout.on('data', (data) => this.#read(data));
    this.#stamp = stamp;
    this.#program = await Launched.start(path, stamp.stdin);
    return this;
  }

  #read(data: Buffer): void {
    const lines = (this.#rest + data).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const time = /"rule":"Marked"/.test(line) && /"evt.time":(\d+)|"time":"([^"]+)"/.exec(line);
      if (!time) continue;
      const written = BigInt(line.slice(0, line.indexOf(' ')));
      this.latencies.push(Number(written - nanoseconds(time)) / 1e6);
    }
  }

  get pid(): number {
    return this.#program?.pid ?? 0;
  }

  async stop(): Promise<Record<string, number>> {
    const said = (await this.#program?.stop()) ?? '';
    this.#stamp?.stdin?.end();
    return JSON.parse(said) as Record<string, number>;
  }
}

/** Nothing is dropped in the kernel. */
const JUDGED = ', pushdown: false';

/** Of `evt.time` or of an RFC 3339 time. */
function nanoseconds([, exact, text]: RegExpExecArray): bigint {
  if (exact !== undefined) return BigInt(exact);
  const [whole = '', fraction = ''] = (text ?? '').replace('Z', '').split('.');
  return BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

const rounded = (value: number, digits = 2) => Number(value.toFixed(digits));
function percentiles(values: readonly number[]): Record<'p50_ms' | 'p99_ms' | 'max_ms', number> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN, 3);
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}

async function idle(files: readonly string[]): Promise<object> {
  const watched = await new Watched().start(files);
  // Some seconds after the start V8 collects what loading rules has left.
  await sleep(15_000);
  const before = cpuMs(watched.pid);
  await sleep(10_000);
  const after = cpuMs(watched.pid);
  const figures = {
    cpu_percent: rounded((after.user + after.system - before.user - before.system) / 100),
    rss_mb: rounded(rssMb(watched.pid), 0),
  };
  await watched.stop();
  return figures;
}

async function sparse(files: readonly string[]): Promise<object> {
  const watched = await new Watched().start(files);
  await sleep(1000);
  await ask(`sparse ${seconds}`);
  await sleep(500);
  await watched.stop();
  const first = watched.latencies.slice(0, 3).map((ms) => rounded(ms, 3));
  return { alerts: watched.latencies.length, ...percentiles(watched.latencies), first_ms: first };
}

/** As long as `sparse`, from when a line was written to when `command` had passed it on: nothing else is done with it. */
async function passedOn(command: string, ...args: string[]): Promise<object> {
  const stamp = spawn(join(folder, 'stamp'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const passing = spawn(command, args, { stdio: ['pipe', stamp.stdin, 'inherit'] });
  const beating = startLoop(passing.stdin);
  let said = '';
  stamp.stdout.on('data', (data) => {
    said += data;
  });
  await ask(`beat ${seconds}`, beating);
  beating.stdin?.end();
  // One after the other: an end cuts off whoever else writes there.
  for (const reader of [passing, stamp]) {
    reader.stdin?.end();
    await once(reader, 'close');
  }
  const latencies = said
    .trim()
    .split('\n')
    .map((line) => {
      const [passed = '', written = ''] = line.split(' ');
      return Number(BigInt(passed) - BigInt(written)) / 1e6;
    });
  return { lines: latencies.length, ...percentiles(latencies) };
}

/** A thousand events a second are few for a busy machine; each is judged, one is an alert. */
async function steady(files: readonly string[], maxWait: string): Promise<object> {
  const watched = await new Watched().start(files, `${JUDGED}, max_wait: ${maxWait}`);
  await ask('steady 5');
  const before = cpuMs(watched.pid);
  watched.latencies = [];
  await ask(`steady ${seconds}`);
  await sleep(500);
  const after = cpuMs(watched.pid);
  const { dropped = 0 } = await watched.stop();
  const cpu = after.user + after.system - before.user - before.system;
  return { cpu_percent: rounded(cpu / seconds / 10), dropped, ...percentiles(watched.latencies) };
}

/** A flat-out loop is measured in so many parts: what disturbs it from outside only adds, so the lowest tells most. */
const PARTS = 4;

async function flatOut(files: readonly string[], pushdown: boolean): Promise<object> {
  const watched = await new Watched().start(files, pushdown ? '' : JUDGED);
  await sleep(1000);
  const warmedUp = await ask(`flat-out ${seconds}`);
  await sleep(500);
  watched.latencies = [];
  let opens = 0;
  let lowest = Number.POSITIVE_INFINITY;
  const before = cpuMs(watched.pid);
  for (let part = 0; part < PARTS; part++) {
    const { user } = cpuMs(watched.pid);
    const times = await ask(`flat-out ${Math.ceil(seconds / PARTS)}`);
    await sleep(200);
    lowest = Math.min(lowest, ((cpuMs(watched.pid).user - user) * 1e6) / times);
    opens += times;
  }
  const after = cpuMs(watched.pid);
  const rss = rounded(rssMb(watched.pid), 0);
  const { seen = 0, dropped = 0 } = await watched.stop();
  const [user, system] = [after.user - before.user, after.system - before.system];
  const unit = pushdown ? 'open' : 'event';
  return {
    opens,
    opens_per_s: Math.round(opens / seconds),
    // Of both loops, as its books are.
    opens_in_all: warmedUp + opens,
    events_in_all: seen,
    alerts: watched.latencies.length,
    dropped,
    // Without pushdown every open is an event.
    [`user_ns_per_${unit}`]: rounded(lowest, 0),
    [`user_ns_per_${unit}_in_all`]: rounded((user * 1e6) / opens, 0),
    cpu_percent: rounded((user + system) / seconds / 10, 1),
    rss_mb: rss,
    ...(watched.latencies.length > 0 ? percentiles(watched.latencies) : {}),
  };
}

const [fewName, few] = ruleSets[0] as (typeof ruleSets)[number];
const [allName, all] = ruleSets.at(-1) as (typeof ruleSets)[number];
const rows: Record<string, object> = {};
const row = async (name: string, figures: Promise<object>) => {
  rows[name] = await figures;
  console.log(`${name.padEnd(54)} ${JSON.stringify(rows[name])}`);
};
await row(`idle, ${fewName}`, idle(few));
await row(`idle, ${allName}`, idle(all));
await row(`ten alerts a second, ${allName}`, sparse([...all, marking]));
await row('ten lines a second, passed on by cat', passedOn('cat'));
const passing = "process.stdin.on('data', (data) => fs.writeSync(1, data))";
await row('ten lines a second, passed on by Node.js', passedOn(process.execPath, '--eval', passing));
for (const maxWait of ['1ms', '4ms', '8ms'])
  await row(`a thousand opens a second, judged, max_wait ${maxWait}`, steady([...all, marking], maxWait));
await row(`flat out, ${fewName}`, flatOut([...few, marking], true));
await row(`flat out, ${allName}`, flatOut([...all, marking], true));
await row(`flat out, ${fewName}, every open judged`, flatOut(few, false));
await row(`flat out, ${allName}, every open judged`, flatOut(all, false));
loop.stdin?.end();
keepResults('live', { seconds, rows });
