/**
 * The only door to the kernel: opens the sensor, drains its ring, asks what already runs. Records are laid out as
 * native/records.yaml says; src/events/kernel/layout.ts has the offsets.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clause } from '../src/core/flow/necessary.ts';
import { CALLS } from './calls.ts';
import { type CallFilters, filterTables, lookedFor, tablesOfBoth } from './filter.ts';
import { KIND } from './kinds.ts';
import {
  type AddonSensor,
  type AddonWanted,
  bpfObject,
  loadAddon,
  loadedAddon,
  type RunningProgram,
  type TurnWatch,
} from './locate.ts';
import { hasBtf } from './probe.ts';
import { drainIndexed } from './record-index.ts';
import { explain, noBtf } from './sensor-error.ts';

export { CALLS, type Call } from './calls.ts';
export type { CallFilters } from './filter.ts';
export { KIND, type Kind } from './kinds.ts';
export type { RunningProgram, TurnWatch } from './locate.ts';
export { type Capability, capabilities, type Feature, isOptional, type Probe, probe, WITHOUT } from './probe.ts';
export { SensorError } from './sensor-error.ts';

/** What is collected; it may change while the sensor runs. */
export interface SensorDemand {
  /**
   * The system calls that are sent, by their names in calls.yaml, and what of each. Of execve and execveat only failures
   * are calls; where any call is read, changes of the working directory come too. None: system calls cost nothing.
   */
  readonly calls: CallFilters;
  /** Collect the canonical path of what is opened. It comes anyway when the path given could not be read. */
  readonly real: boolean;
  /** Collect inode, device, mode and flags of what is opened, and whether the call made it. */
  readonly file: boolean;
  /** Copy the environment at exec and in scans. */
  readonly env: boolean;
  /** Bytes of what calls read, write, send and receive that are copied: at most 4095; 0, the default: none. */
  readonly data?: number;
  /** How much the buffers hold together that a call writes from. */
  readonly room?: boolean;
  /** Ancillary data of messages that are received. */
  readonly control?: boolean;
  /** What the process is at the moment of an event, by the names in `Counts`; of what is missing there nothing. */
  readonly state?: ReadonlyMap<string, StateDemand>;
}

/** Parts of a process's state; what it uses, and its threads, come with any of them. */
export interface StateDemand {
  /** How many descriptors are open. */
  readonly open: boolean;
  /** What standard input, output and error are; `names`: and where they lead. */
  readonly stdio: 'no' | 'types' | 'names';
}

export interface SensorOptions extends SensorDemand {
  /** Size of the ring in bytes: a power of two, at least 4096 (a page of this machine), at most 1 GiB. */
  readonly ringBytes: number;
  /** Only this process and its descendants; the pid is one of the sensor's own pid namespace. */
  readonly scope?: { readonly descendantsOf: number };
  /**
   * Bytes of arguments, and of environments, that are kept from their beginnings where they are longer: a multiple of 4096
   * up to HEAD_MAX; default 4096. Of the end 1,024 bytes are kept as well (layout.ts, EXEC_TAILS). Where the ring is small
   * or half full, and in a scan, 4096 bytes are all.
   */
  readonly argsHead?: number;
  readonly envHead?: number;
  /**
   * Whether programs are attached to what perf records of the tracepoints, where nothing can preempt them. One that is
   * preempted is skipped by the kernel until it goes on. Costs each system call some ns. Default: where the kernel preempts
   * the others, which it does since 7.0.
   */
  readonly perf?: boolean;
  /** Files that must be free beside its own, when it is opened; default none. */
  readonly spareFiles?: number;
}

/** By `fork`, `exec`, `exit`, `scan`, `cgroup`, and by the names of system calls; what is zero throughout may be missing. */
export type Counts = Readonly<Record<string, number>>;

export interface Counters {
  /** Records put into the ring. */
  readonly sent: Counts;
  /** Records lost because the ring was full. */
  readonly dropped: Counts;
  /** Low-priority records refused because the ring was more than three quarters full. */
  readonly refused: Counts;
  /** Calls that were not sent because of their filter. */
  readonly filtered: Counts;
  /**
   * By program: how often the kernel skipped it, because a task that it had interrupted was inside it: also for what would
   * not have been sent. `io_uring`:
   * requests that completed when their process was not there any more, and those that accept again and again, of which
   * too many were pending to keep them all.
   */
  readonly missed: Record<string, number>;
  /** Records, of `exec`, that have less of arguments or environment than is asked for: the ring had no room for more. */
  readonly shortened: Counts;
}

/** A program on a tracepoint. */
export interface ProgramState {
  readonly name: string;
  readonly attached: boolean;
  /** Zero unless the sysctl kernel.bpf_stats_enabled is set. */
  readonly runCount: number;
  readonly runNs: number;
  /** Why this kernel cannot have it, though there is something to see; else empty. */
  readonly obstacle: string;
  /** Why it can be preempted, and skipped meanwhile; else empty. */
  readonly risk: string;
}

export interface Sensor {
  /**
   * Copies whole records out of the ring, oldest first, each behind the ring's own 8-byte header (u32 length, u32
   * unused), and frees their room. The next header is at the next multiple of 8. Returns the bytes copied, 0 when there
   * is nothing. A record has at most 96 KiB: give at least 128 KiB. With `rows` it writes those of what it has copied, as
   * `indexRecords` does.
   * @throws {RangeError} `into` is smaller than the next record, or there are fewer rows than `into` may need.
   */
  drain(into: Uint8Array, rows?: Uint32Array): number;
  /**
   * Asks for one ring of the doorbell when so many bytes are in the ring, or a little more, and after `within` ms at the
   * latest (from now, in whole ms). Default: at the next record, however long that takes. Until the next `drain`. True when so much is there already:
   * then drain, do not sleep.
   */
  arm(bytes?: number, within?: number): boolean;
  /** Called when the doorbell rings. Keeps the process alive until `close`. */
  onDoorbell(callback: () => void): void;
  /**
   * Collects something else from now on. What both the old and the new demand want is not missed meanwhile.
   * @throws {SensorError} exit 77 or 69: a program that is needed now cannot be attached.
   */
  configure(demand: SensorDemand): void;
  /** Records of kind scan, framed as in `drain`, of all processes in scope or of one (its tgid as in the records). */
  scan(tgid?: number): Uint8Array;
  counters(): Counters;
  programs(): readonly ProgramState[];
  /** Detaches and frees everything. A second call does nothing. */
  close(): void;
}

/** What a record holds of the data that a call moves. */
export const DATA_MAX = 4095;

/** Sizes of what an exec record can keep from the beginning of the arguments, or of the environment. */
export const HEAD_STEP = 4096;
export const HEAD_MAX = 32_768;

/** COUNTED_KINDS and COUNTED in bpf/shared.h. */
const COUNTED_KINDS = 16;
const COUNTED = COUNTED_KINDS + 128;

/**
 * Loads the programs and attaches them: on return records flow.
 * @throws {SensorError} exit 77: rights are missing; 69: no BTF, or the kernel lacks something.
 * @throws {UserError} exit 69: no addon; 78: no process has the pid of the scope.
 * @throws {RangeError} for a size that no ring can have, and for a call that is not in calls.yaml.
 */
export function openSensor(options: SensorOptions): Sensor {
  const { ringBytes, scope } = options;
  if (!Number.isInteger(Math.log2(ringBytes)) || ringBytes < 4096 || ringBytes > 2 ** 30) {
    throw new RangeError(`ringBytes must be a power of two from 4096 to 2^30, not ${ringBytes}`);
  }
  const descendantsOf = scope?.descendantsOf ?? 0;
  if (!Number.isInteger(descendantsOf) || (scope && descendantsOf < 1)) {
    throw new RangeError(`scope.descendantsOf must be a pid, not ${scope?.descendantsOf}`);
  }
  const argsHead = headOf('argsHead', options.argsHead);
  const envHead = headOf('envHead', options.envHead);
  const wanted = wantedOf(options);
  const { addon, path } = loadAddon();
  if (!hasBtf()) throw noBtf();
  try {
    const object = bpfObject(path);
    const sensor = new addon.Sensor({
      object,
      ringBytes,
      descendantsOf,
      argsHead,
      envHead,
      perf: options.perf,
      spareFiles: options.spareFiles ?? 0,
      ...wanted,
    });
    return wrap(sensor, options);
  } catch (error) {
    throw explain(error);
  }
}

function headOf(name: string, bytes = HEAD_STEP): number {
  if (bytes % HEAD_STEP === 0 && bytes > 0 && bytes <= HEAD_MAX) return bytes;
  throw new RangeError(`${name} must be a multiple of ${HEAD_STEP} up to ${HEAD_MAX}, not ${bytes}`);
}

/** `enum state_part` of bpf/shared.h. */
const STATE = { usage: 1, open: 2, no: 0, types: 4, names: 12 } as const;

function stateParts(state: ReadonlyMap<string, StateDemand> = new Map()): Uint8Array {
  const parts = new Uint8Array(COUNTED);
  for (const [name, place] of COUNTED_NAMES) {
    const wanted = state.get(name);
    if (wanted !== undefined) parts[place] = STATE.usage | (wanted.open ? STATE.open : 0) | STATE[wanted.stdio];
  }
  return parts;
}

function wantedOf(demand: SensorDemand): AddonWanted {
  const { env, real, file, data = 0, room = false, control = false } = demand;
  if (!Number.isInteger(data) || data < 0 || data > DATA_MAX)
    throw new RangeError(`data must be a number of bytes from 0 to ${DATA_MAX}, not ${data}`);
  const state = stateParts(demand.state);
  const tables = filterTables(withChdir(demand.calls));
  // What a socket was used for before is also told of one that a process has for its input or output.
  const history = tables.history || state.some((parts) => (parts & STATE.types) !== 0);
  return { env, real, file, data, room, control, state, ...tables, history };
}

/** What the kernel programs send of each call for these filters. */
export function sentFor(calls: CallFilters): CallFilters {
  return lookedFor(withChdir(calls));
}

/** Where calls are read at all, a stale working directory would be a lie that costs nothing to avoid. */
function withChdir(calls: CallFilters): CallFilters {
  if (calls.size === 0) return calls;
  const succeeded: Clause = { results: new Set(['ok']) };
  const all = new Map(calls);
  for (const name of ['chdir', 'fchdir']) {
    const wanted = calls.get(name) ?? [];
    all.set(name, wanted === 'all' ? wanted : [...wanted, succeeded]);
  }
  return all;
}

/** What each place of the counters counts. */
const COUNTED_NAMES: readonly (readonly [name: string, place: number])[] = [
  ...(['fork', 'exec', 'exit', 'scan', 'cgroup'] as const).map((name) => [name, KIND[name]] as const),
  ...Object.keys(CALLS).map((name, index) => [name, COUNTED_KINDS + index + 1] as const),
];

function wrap(sensor: AddonSensor, demand: SensorDemand): Sensor {
  const configure = configuring(sensor, demand);
  return {
    drain: (into, rows) => (rows ? drainIndexed(sensor, into, rows) : sensor.drain(into)),
    arm: (bytes = 1, within = 0) => sensor.arm(bytes, within),
    onDoorbell: (callback) => sensor.onDoorbell(callback),
    configure,
    scan: (tgid = 0) => sensor.scan(tgid),
    counters: () => counters(sensor),
    programs: () => sensor.programs().map(({ missed: _, ...state }) => state),
    close: () => sensor.close(),
  };
}

/** Makes what has a sensor collect something else than it was opened with. */
function configuring(sensor: AddonSensor, { calls }: SensorDemand): (demand: SensorDemand) => void {
  let before = withChdir(calls);
  let inPlace: AddonWanted | undefined;
  const put = (wanted: AddonWanted) => {
    if (isDeepStrictEqual(wanted, inPlace)) return;
    inPlace = undefined;
    sensor.configure(wanted);
    inPlace = wanted;
  };
  return (demand) => {
    const wanted = wantedOf(demand);
    const next = withChdir(demand.calls);
    try {
      const both = tablesOfBoth(before, next);
      put({ ...wanted, ...both, history: wanted.history || both.history });
      // A program that was preempted may have looked at some of the tables before, and would miss what is now taken away.
      if (!isDeepStrictEqual(wanted, inPlace)) sensor.awaitPrograms();
      put(wanted);
    } catch (error) {
      throw explain(error);
    }
    before = next;
  };
}

/** What a program's risk means. */
export function missable(risk: string): string {
  return `events can be missed, at most as many as kernel_missed counts: this kernel preempts its programs, and perf is no way out: ${risk}`;
}

function counters(sensor: AddonSensor): Counters {
  const numbers = sensor.counters();
  const column = (number: number) =>
    Object.fromEntries(COUNTED_NAMES.map(([name, place]) => [name, numbers[number * COUNTED + place] ?? 0]));
  const missed: Record<string, number> = {
    io_uring: numbers[4 * COUNTED] ?? 0,
  };
  const shortened = { exec: numbers[4 * COUNTED + 1] ?? 0 };
  for (const program of sensor.programs()) missed[program.name] = program.missed;
  return { sent: column(0), dropped: column(1), refused: column(2), filtered: column(3), missed, shortened };
}

/**
 * What the programs of ours that run on this machine cost, measured for so long by the kernel itself; empty when none
 * run, or without the right to see them. Blocks meanwhile.
 */
export function measurePrograms(milliseconds: number): readonly RunningProgram[] {
  return loadAddon().addon.measurePrograms(milliseconds);
}

/** Sends a state such as `READY=1` to systemd, sd_notify(3). False when nobody waits for it ($NOTIFY_SOCKET unset). */
export function notifySystemd(state: string): boolean {
  return process.env.NOTIFY_SOCKET !== undefined && loadAddon().addon.notifySystemd(state);
}

/**
 * Sends one datagram to a Unix socket, at once; undefined when the system has taken it, else the name of its error: EAGAIN
 * when the reader does not keep up, EPROTOTYPE when the socket is one of streams, EMSGSIZE.
 */
export function sendDatagram(path: string, bytes: Uint8Array): string | undefined {
  return loadAddon().addon.sendDatagram(path, bytes) || undefined;
}

/** Watches the turns of the event loop; undefined where the addon is not in use. */
export function watchTurns(): TurnWatch | undefined {
  const addon = loadedAddon();
  return addon && new addon.TurnWatch();
}

/** CLOCK_REALTIME - CLOCK_BOOTTIME in ns: what turns a record's time into the time of day. */
export function bootOffsetNs(): bigint {
  return loadAddon().addon.bootOffsetNs();
}

/**
 * Gives back memory that is held and not in use: free memory of the allocator, and the pages of programs and libraries that
 * were read so far. Those stay in the system's cache, and come back as they are used. Takes some ms. Nothing where the addon
 * has not been loaded.
 */
export function trimMemory(): void {
  loadedAddon()?.trimMemory();
}
