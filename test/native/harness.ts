/** What the live tests share: a child that acts on command, a sensor that looks at it alone, decoded records. */
import { type ChildProcess, spawn } from 'node:child_process';
import { release } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { numbersHere } from '../../native/abi.ts';
import {
  CALLS,
  type CallFilters,
  KIND,
  type Kind,
  openSensor,
  probe,
  type Sensor,
  type SensorOptions,
} from '../../native/index.ts';
import * as layout from '../../src/events/kernel/layout.ts';
import { scratch } from '../scratch.ts';
import { compileActions } from './compile.ts';

/** Why the kernel cannot be traced here, or undefined. Said aloud, since the tests are then skipped. */
export function whyNot(): string | undefined {
  const found = probe();
  const reason =
    'error' in found.addon
      ? found.addon.error
      : !found.btf
        ? 'no BTF'
        : found.capabilities.bpf && found.capabilities.perfmon
          ? undefined
          : 'no CAP_BPF and CAP_PERFMON (run as root)';
  if (reason) console.warn(`SKIPPED: live kernel tests: ${reason}`);
  return reason;
}

/** Whether the running kernel is older than that version of Linux. */
export function before(major: number, minor: number): boolean {
  const [ours = 0, second = 0] = release().split('.').map(Number);
  return ours < major || (ours === major && second < minor);
}

/** The number of a call on this machine; undefined: it has none, as arm64 has none of those that came before openat. */
export function numberOf(name: string): number | undefined {
  const call = CALLS[name];
  return call && numbersHere(call).own[0];
}

export interface Decoded {
  readonly kind: Kind;
  readonly size: number;
  /** Header and fixed fields as numbers, u64 as bigint, byte arrays as Buffer, comm as string; texts as strings. */
  readonly [field: string]: unknown;
}

type Offsets = Readonly<Record<string, number>>;
const fixedOf: Readonly<Record<Kind, { fixed: Offsets; texts?: Offsets }>> = {
  fork: { fixed: layout.FORK },
  exec: { fixed: layout.EXEC, texts: layout.EXEC_TEXTS },
  scan: { fixed: layout.EXEC, texts: layout.EXEC_TEXTS },
  exit: { fixed: layout.EXIT },
  open: { fixed: layout.OPEN, texts: layout.OPEN_TEXTS },
  socket: { fixed: layout.SOCKET, texts: layout.SOCKET_TEXTS },
  cgroup: { fixed: layout.CGROUP, texts: layout.CGROUP_TEXTS },
  chdir: { fixed: layout.CHDIR, texts: layout.CHDIR_TEXTS },
  call: { fixed: layout.CALL, texts: layout.CALL_TEXTS },
};

/** Widths of what is not a u32. */
const wide = new Set(
  [
    'time start cap_effective cgroup clone_flags parent_start cap_permitted cap_inheritable pidns_start',
    'exe_ino exe_ctime exe_mtime ino sock peer fdlimit pgft_maj pgft_min',
  ].flatMap((names) => names.split(' ')),
);
const narrow = new Set(
  'kind flags family sock_type protocol state local_port remote_port addr_family addr_port created layer file_mode'.split(
    ' ',
  ),
);
const bytes = new Set(['role', 'changed', 'connected']);
const signed = new Set(['dirfd', 'fd']);
const arrays = new Set(['local_addr', 'remote_addr', 'addr']);

function value(record: Buffer, name: string, at: number): unknown {
  if (name === 'ret') return Number(record.readBigInt64LE(at));
  if (name === 'comm') return record.toString('latin1', at, at + 16).replace(/\0.*$/s, '');
  if (name === 'args') return Array.from({ length: 6 }, (_, index) => record.readBigUInt64LE(at + 8 * index));
  if (bytes.has(name)) return record.readUInt8(at);
  if (arrays.has(name)) return Buffer.from(record.subarray(at, at + 16));
  if (wide.has(name)) return record.readBigUInt64LE(at);
  if (narrow.has(name)) return record.readUInt16LE(at);
  return signed.has(name) ? record.readInt32LE(at) : record.readUInt32LE(at);
}

const kindNames = Object.fromEntries(Object.entries(KIND).map(([name, number]) => [number, name as Kind]));

function decodeOne(record: Buffer): Decoded {
  const kind = kindNames[record.readUInt16LE(layout.HEADER.kind)];
  if (!kind) throw new Error(`unknown kind ${record.readUInt16LE(layout.HEADER.kind)}`);
  const { fixed, texts } = fixedOf[kind];
  const fields: Record<string, unknown> = {};
  for (const [name, at] of [...Object.entries(layout.HEADER), ...Object.entries(fixed)])
    fields[name] = value(record, name, at);
  const { count = 0, lengths = 0, first = 0, ...order } = texts ?? {};
  let at = first;
  for (let index = 0; index < count; index++) {
    const name = Object.keys(order).find((text) => order[text] === index);
    const length = record.readUInt16LE(lengths + 2 * index);
    fields[name ?? index] = record.toString('utf8', at, at + length);
    at += length;
  }
  // Most opens have a fixed size.
  const end = Math.ceil(at / 8) * 8;
  const hasState = ((fields.flags as number) & layout.FLAGS.state) !== 0;
  const room = hasState ? Number(record.readBigUInt64LE(record.length - 8)) : record.length;
  if (count > 0 && (kind === 'open' ? end > room : end !== room))
    throw new Error(`${kind}: texts end at ${at} of ${room}`);
  return { ...fields, kind, size: record.length };
}

/** Room in the ring for records of execs with long texts (native/bpf/long.h). */
const LONG = new Set([32_768, 98_304]);

/** Decodes what `drain` or `scan` gave; checks the framing on the way. */
export function decode(bytes: Uint8Array): Decoded[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Decoded[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    const size = buffer.readUInt32LE(at + 8 + layout.HEADER.size);
    if (size % 8 !== 0 || (size !== length && !(size < length && LONG.has(length))))
      throw new Error(`bad size ${size} of ${length} at ${at}`);
    records.push(decodeOne(buffer.subarray(at + 8, at + 8 + size)));
    at += 8 + length;
  }
  return records;
}

export function drainAll(sensor: Sensor): Decoded[] {
  const buffer = new Uint8Array(1 << 20);
  const records: Decoded[] = [];
  for (let got = sensor.drain(buffer); got > 0; got = sensor.drain(buffer))
    records.push(...decode(buffer.subarray(0, got)));
  return records;
}

/** A folder of this test file's own, by its canonical name, with the compiled child in it. */
export function prepare(): { folder: string; program: string } {
  const folder = scratch();
  const program = join(folder, 'actions');
  compileActions(program);
  return { folder, program };
}

/** The acting child. */
export class Actor {
  readonly child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.child = child;
    if (!child.stdout) throw new Error('no stdout');
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(program: string, cwd: string): Promise<Actor> {
    const actor = new Actor(
      spawn(program, { cwd, stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: '/usr/bin', MARK: 'here' } }),
    );
    await actor.#answer();
    return actor;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the child did not start');
    return this.child.pid;
  }

  async #answer(): Promise<number> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the child ended');
    return Number(value);
  }

  /** Does one action and returns its result. */
  ask(line: string): Promise<number> {
    this.child.stdin?.write(`${line}\n`);
    return this.#answer();
  }

  stop(): void {
    this.child.stdin?.end();
  }
}

const allOf = (names: readonly string[]): CallFilters => new Map(names.map((name) => [name, 'all']));

export const everything: Omit<SensorOptions, 'scope'> = {
  ringBytes: 1 << 20,
  calls: allOf(['open', 'creat', 'openat', 'openat2', 'connect', 'execve', 'execveat']),
  env: false,
  real: true,
  file: true,
};

/** As `everything`, with these calls. */
export function only(...names: string[]): Pick<SensorOptions, 'calls'> {
  return { calls: allOf(names) };
}

/** A sensor that looks at the actor and its descendants only. */
export function watch(actor: Actor, options: Partial<SensorOptions> = {}): Sensor {
  return openSensor({ ...everything, ...options, scope: { descendantsOf: actor.pid } });
}
