/** What this machine and this process offer to the sensor: for `doctor`, and for the words of an error. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { messageOf } from '../src/core/errors.ts';
import { loadAddon } from './locate.ts';

/** Bits of capabilities(7). */
const CAPABILITY = {
  dac_read_search: 2,
  sys_ptrace: 19,
  sys_admin: 21,
  sys_resource: 24,
  perfmon: 38,
  bpf: 39,
} as const;
export type Capability = keyof typeof CAPABILITY;

/** What is not seen without a right that the programs themselves do not need. */
export const WITHOUT = {
  sys_ptrace: 'names of users in containers and facts from /proc of others are not seen',
  dac_read_search: 'files below /proc/PID/root of others cannot be read',
} as const satisfies Partial<Record<Capability, string>>;

export interface Feature {
  readonly name: string;
  readonly present: boolean;
  /** Why it is not there, when the kernel said so. */
  readonly error: string;
}

export interface Probe {
  /** As `uname -r` prints it. */
  readonly kernel: string;
  /** The kernel describes its types (CONFIG_DEBUG_INFO_BTF). */
  readonly btf: boolean;
  /** /proc is there: without it nobody knows which capabilities are held. */
  readonly proc: boolean;
  /** Effective capabilities of this process. */
  readonly capabilities: Readonly<Record<Capability, boolean>>;
  /** `none`, `integrity`, `confidentiality`; undefined when the kernel does not say. */
  readonly lockdown: string | undefined;
  /** tp_btf, iter.s/task, ringbuf, bpf_loop, bpf_rdonly_cast, io_uring, each tried; empty when there is no addon to try with. */
  readonly features: readonly Feature[];
  readonly addon: { readonly path: string; readonly libbpf: string } | { readonly error: string };
}

const OPTIONAL: ReadonlySet<string> = new Set(['bpf_rdonly_cast', 'io_uring']);

/** Without it the sensor works, but sees less or costs more. */
export function isOptional({ name }: Feature): boolean {
  return OPTIONAL.has(name);
}

/** The words of a file, or undefined when it cannot be read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export function hasBtf(): boolean {
  return existsSync('/sys/kernel/btf/vmlinux');
}

/** Effective capabilities of this process, proc_pid_status(5). */
export function capabilities(): Record<Capability, boolean> {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(textOf('/proc/self/status') ?? '')?.[1] ?? '0'}`);
  const entries = Object.entries(CAPABILITY).map(([name, bit]) => [name, ((mask >> BigInt(bit)) & 1n) === 1n]);
  return Object.fromEntries(entries) as Record<Capability, boolean>;
}

/** The active mode is the bracketed one: `none [integrity] confidentiality`. */
export function lockdown(): string | undefined {
  return /\[(\w+)\]/.exec(textOf('/sys/kernel/security/lockdown') ?? '')?.[1];
}

/** Looks at everything that the sensor needs. Never throws. */
export function probe(): Probe {
  const proc = existsSync('/proc/self/status');
  const base = { kernel: release(), btf: hasBtf(), proc, capabilities: capabilities(), lockdown: lockdown() };
  try {
    const { addon, path } = loadAddon();
    const { libbpf, features } = addon.probe();
    return { ...base, features, addon: { path, libbpf } };
  } catch (error) {
    return { ...base, features: [], addon: { error: messageOf(error) } };
  }
}
