/** Falco's event types: what each one carries, and what names and codes `evt.type` knows. */

import type { EventTypes } from '../field.ts';
import { genericSyscalls, metaRows, syscallRows, tracepointRows } from './event-table.ts';
import type { FlagSet } from './flag-table.ts';
import { enumName, flagSet } from './flags.ts';

/** Falco's names of parameter types (spec/falco-engine.md §9). */
export type ParamType =
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'CHARBUF'
  | 'FSPATH'
  | 'FSRELPATH'
  | 'BYTEBUF'
  | 'ERRNO'
  | 'SOCKADDR'
  | 'SOCKTUPLE'
  | 'FD'
  | 'FD32'
  | 'PID'
  | 'PID32'
  | 'FDLIST'
  | 'SYSCALLID'
  | 'SIGTYPE'
  | 'RELTIME'
  | 'ABSTIME'
  | 'PORT'
  | 'BOOL'
  | 'DYN'
  | 'FLAGS8'
  | 'FLAGS16'
  | 'FLAGS32'
  | 'ENUMFLAGS8'
  | 'ENUMFLAGS16'
  | 'ENUMFLAGS32'
  | 'UID'
  | 'GID'
  | 'SIGSET'
  | 'MODE'
  | 'CHARBUFARRAY'
  | 'IPV4ADDR'
  | 'IPV6ADDR';

export interface EventParam {
  readonly name: string;
  readonly type: ParamType;
  /** How its number prints; default decimal. */
  readonly print?: 'hex' | 'oct';
  readonly flagset?: FlagSet;
  /** Index of the param that holds the directory descriptor of a relative path. */
  readonly dirfd?: number;
  /** The types that a DYN may hold. */
  readonly variants?: readonly ParamType[];
}

/** What an event does with a descriptor, or that it may block. */
export type Trait = 'creates' | 'uses' | 'destroys' | 'reads' | 'writes' | 'waits';

export interface EventType {
  readonly name: string;
  /** The code that today's events carry. */
  readonly code: number;
  /** Every code of that name: its own, the enter slot, retired versions. */
  readonly codes: readonly number[];
  /** Falco's class: `file`, `io_read`, `net`, `process`, … */
  readonly category: string;
  /** `syscall`; `tracepoint` (no call made it); `meta` (made by a driver, library or plugin). */
  readonly origin: 'syscall' | 'tracepoint' | 'meta';
  readonly traits: ReadonlySet<Trait>;
  /** Index of the param that holds the event's descriptor. */
  readonly fdParam?: number;
  readonly params: readonly EventParam[];
  /** The system calls (or kernel tracepoints) that make it. */
  readonly syscalls: readonly string[];
}

/** Codes run from 0 to one below this; a few have no name. */
const codeCount = 454;

/** Calls whose name is not the event's. */
const callsOf: Readonly<Record<string, string>> = {
  llseek: '_llseek',
  pread: 'pread64',
  pwrite: 'pwrite64',
  prlimit: 'prlimit64',
  getrlimit: 'getrlimit ugetrlimit',
  fcntl: 'fcntl fcntl64',
  sendfile: 'sendfile sendfile64',
  setresuid: 'setresuid setresuid32',
  setresgid: 'setresgid setresgid32',
  setuid: 'setuid setuid32',
  setgid: 'setgid setgid32',
  getuid: 'getuid getuid32',
  geteuid: 'geteuid geteuid32',
  getgid: 'getgid getgid32',
  getegid: 'getegid getegid32',
  getresuid: 'getresuid getresuid32',
  getresgid: 'getresgid getresgid32',
  switch: 'sched_switch',
  procexit: 'sched_process_exit',
  signaldeliver: 'signal_deliver',
  page_fault: 'page_fault_user page_fault_kernel',
};

interface Tables {
  /** The rows by the names that they begin with. */
  readonly rows: ReadonlyMap<string, { readonly row: string; readonly origin: EventType['origin'] }>;
  readonly generic: ReadonlySet<string>;
  /** Calls whose event has another name. */
  readonly renamed: ReadonlySet<string>;
}

let tables: Tables | undefined;

/** Reads the table at first use, so that importing it costs nothing; a row is parsed when it is asked for. */
function load(): Tables {
  if (tables !== undefined) return tables;
  const rows = new Map<string, { row: string; origin: EventType['origin'] }>();
  const rowsOf = { syscall: syscallRows, tracepoint: tracepointRows, meta: metaRows };
  for (const origin of ['syscall', 'tracepoint', 'meta'] as const) {
    for (const row of rowsOf[origin].trim().split(/\n(?! )/)) {
      rows.set(row.slice(0, row.indexOf(' ')), { row, origin });
    }
  }
  const renamed = new Set(Object.values(callsOf).flatMap((calls) => calls.split(' ')));
  for (const name of rows.keys()) renamed.delete(name);
  tables = { rows, generic: new Set(genericSyscalls.trim().split(/\s+/)), renamed };
  return tables;
}

function parseRow(row: string, origin: EventType['origin']): EventType {
  const [name = '', codeText = '', category = '', traitText = '', ...words] = row.split(/\s+/);
  const codes = codeText.split(',').map(Number);
  const traits = new Set<Trait>();
  let fdParam: number | undefined;
  let params: readonly EventParam[] | undefined;
  for (const word of traitText === '-' ? [] : traitText.split(',')) {
    if (word.startsWith('fd=')) fdParam = Number(word.slice(3));
    else traits.add(word as Trait);
  }
  return {
    name,
    code: codes[0] ?? 0,
    codes,
    category,
    origin,
    traits,
    ...(fdParam === undefined ? {} : { fdParam }),
    // Most are never asked for.
    get params() {
      return (params ??= words.map(parseParam));
    },
    syscalls: name === 'syscall' || origin === 'meta' ? [] : (callsOf[name] ?? name).split(' '),
  };
}

function parseParam(word: string): EventParam {
  const found = /^(\w+):(\w+)(?:\/([xo]))?(?:=(\w+))?(?:@(\d+))?(?:<([\w|]+)>)?$/.exec(word);
  if (found === null) throw new Error(`event table: '${word}' is not a param`);
  const [, name = '', type, print, flagset, dirfd, variants] = found;
  return {
    name,
    type: type as ParamType,
    ...(print === undefined ? {} : { print: print === 'x' ? 'hex' : 'oct' }),
    ...(flagset === undefined ? {} : { flagset: flagset as FlagSet }),
    ...(dirfd === undefined ? {} : { dirfd: Number(dirfd) }),
    ...(variants === undefined ? {} : { variants: variants.split('|') as ParamType[] }),
  };
}

/**
 * The event type of that name; a call without its own one has the generic event's, under its own name. So have calls whose
 * event is called otherwise: Falco takes their names for `evt.type`, and no event has them.
 */
export function eventType(name: string): EventType | undefined {
  const { generic, renamed } = load();
  const isGeneric = generic.has(name);
  if (!isGeneric && !renamed.has(name)) return typeOf(name);
  const shared = typeOf('syscall');
  return shared && { ...shared, name, syscalls: isGeneric ? [name] : [] };
}

const parsed = new Map<string, EventType>();

function typeOf(name: string): EventType | undefined {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const found = load().rows.get(name);
  if (found === undefined) return undefined;
  const type = parseRow(found.row, found.origin);
  parsed.set(name, type);
  return type;
}

let paramNames: ReadonlySet<string> | undefined;

/** Whether some event type has a param of that name: what may follow `evt.arg.`. */
export function isEventParam(name: string): boolean {
  // Only params have a colon.
  paramNames ??= new Set((syscallRows + tracepointRows + metaRows).match(/\w+(?=:)/g));
  return paramNames.has(name);
}

/** What params of a name can print by name: flags, of which there may be several, and values, each with its aliases. */
export interface ParamNames {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

const paramTexts = new Map<string, ParamNames | undefined>();

/** Undefined where there are no names, or some print other texts. */
export function namesInParam(param: string): ParamNames | undefined {
  if (!paramTexts.has(param)) paramTexts.set(param, readNames(param));
  return paramTexts.get(param);
}

function readNames(param: string): ParamNames | undefined {
  const flags = new Set<string>();
  const values = new Set<string>();
  for (const [word] of (syscallRows + tracepointRows + metaRows).matchAll(new RegExp(`\\b${param}:\\S+`, 'g'))) {
    const { type, flagset } = parseParam(word);
    if (flagset === undefined) {
      if (!/^U?INT/.test(type)) return undefined;
    } else if (type.startsWith('ENUM')) {
      for (const [, value] of flagSet(flagset)) values.add(enumName(flagset, value) ?? '');
    } else for (const [name] of flagSet(flagset)) flags.add(name);
  }
  return flags.size + values.size === 0 ? undefined : { flags, values };
}

let names: ReadonlySet<string> | undefined;

/** What `evt.type` may be compared with for system calls. */
export const syscallEventTypes: EventTypes = {
  get names(): ReadonlySet<string> {
    const { rows, generic, renamed } = load();
    names ??= new Set([...rows.keys(), ...generic, ...renamed]);
    return names;
  },
  codeCount,
  codes(name) {
    return eventType(name)?.codes ?? [];
  },
  syscalls(name) {
    return eventType(name)?.syscalls ?? [];
  },
};
