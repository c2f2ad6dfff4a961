/** The built program as a child that is measured from outside, and what the figures were measured on. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Stream } from 'node:stream';

const root = join(import.meta.dirname, '../../..');

/** Why kernel events cannot be measured here; undefined when they can. */
export const cannotMeasure: string | undefined =
  process.getuid?.() !== 0
    ? 'it needs root'
    : existsSync('/sys/kernel/btf/vmlinux')
      ? undefined
      : 'the kernel has no BTF';

/** The machine, for whoever reads the figures. */
export function machine(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    arch: process.arch,
    // What else it had to do.
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}

/** `machine` in one line. */
export function facts(): string {
  return Object.entries(machine())
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** Resident memory of a process in MiB. */
export function rssMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** CPU time of a process until now in ms, user and system. */
export function cpuMs(pid: number): { readonly user: number; readonly system: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { user: Number(stat[11]) * 10, system: Number(stat[12]) * 10 };
}

/** `bin/falco-pipe run`, from ready to its end. */
export class Launched {
  readonly #child: ChildProcess;
  #said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (data) => {
      this.#said += data;
    });
  }

  /** Resolves when it is ready. `output`: another process's input, which gets what it prints. */
  static async start(pipeline: string, output: Stream | 'ignore' = 'ignore'): Promise<Launched> {
    const stdio: StdioOptions = ['ignore', output, 'pipe'];
    const child = spawn(join(root, 'bin/falco-pipe'), ['run', pipeline, '--no-watch'], { stdio });
    const launched = new Launched(child);
    await new Promise<void>((ready, failed) => {
      child.stderr?.on('data', () => launched.#said.includes('ready:') && ready());
      child.once('close', () => failed(new Error(launched.#said)));
    });
    return launched;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Stops it; what it said last: its books. */
  async stop(): Promise<string> {
    const ended = new Promise((done) => this.#child.once('close', done));
    this.#child.kill();
    await ended;
    return this.#said.trim().split('\n').at(-1) ?? '';
  }
}
