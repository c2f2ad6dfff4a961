/** The parameters of system calls that are registers and texts, by the tables of calls and of Falco's events. */

import type { Call } from '../../../native/calls.ts';
import type { Scalar } from '../field.ts';
import { type EventParam, eventType } from '../syscall/event-types.ts';
import type { FlagSet } from '../syscall/flag-table.ts';
import { enumName } from '../syscall/flags.ts';
import { type Argument, bytesText, directory, error, flags, hex, octal, signalName } from './argument.ts';
import { falcoFlags } from './call-flags.ts';
import { joinedPath, rawText } from './call-paths.ts';
import { callOf, NR, RET } from './calls.ts';
import { descriptorName, descriptorType } from './descriptor.ts';
import type { KernelEvent } from './event.ts';
import { CALL, KIND, SOCKET } from './layout.ts';
import { movedData } from './moved-data.ts';
import { groupNameAt, userAt } from './names.ts';
import { askedAddress, socketOf } from './socket.ts';

const UNSET = 0xffff_ffff;
const NONE = 'NULL';

type Raw = Argument['raw'];
type Kind = Omit<Argument, 'name' | 'raw'> & { readonly raw: (register: Register) => Raw };

/** Where a value is: in a register, or in what the call returned. */
type Register = number | 'ret';

const offset = (register: Register) => (register === 'ret' ? RET : CALL.args + 8 * register);
const u32 = (register: Register) => (event: KernelEvent) => event.u32(offset(register));
const i32 = (register: Register) => (event: KernelEvent) => event.i32(offset(register));
const u64 = (register: Register) => (event: KernelEvent) => event.u64(offset(register));
const i64 = (register: Register) => (event: KernelEvent) => event.i64(offset(register));
const u8 = (register: Register) => (event: KernelEvent) => event.u8(offset(register));
/** -1 leaves an id as it is. */
const id = (register: Register) => (event: KernelEvent) => {
  const value = event.u32(offset(register));
  return value === UNSET ? -1 : value;
};

/** `<f>/path` of the descriptor that the event is about. */
function descriptorText(event: KernelEvent): string | undefined {
  if (event.kind === KIND.socket) {
    const { letter, transport, name } = socketOf(event);
    return letter === 'o' ? undefined : `<${letter}${transport?.[0] ?? ''}>${name}`;
  }
  const { word, letter } = descriptorType(event);
  return word === undefined ? undefined : `<${letter}>${descriptorName(event)}`;
}

const returned: Kind = { raw: i64, means: (event, value) => error(event, value) ?? descriptorText(event) };
const passed: Kind = { raw: i32, means: (event, value) => directory(event, value) ?? descriptorText(event) };
const passedOther: Kind = { raw: i32, means: directory };

const kinds: Readonly<Partial<Record<EventParam['type'], Kind>>> = {
  UINT8: { raw: u8 },
  UINT32: { raw: u32 },
  INT32: { raw: i32 },
  UINT64: { raw: u64 },
  INT64: { raw: i64 },
  DYN: { raw: u64 },
  UID: { raw: id, means: (event, value) => userAt(event, Number(value))?.name },
  GID: { raw: id, means: (event, value) => groupNameAt(event, Number(value)) },
  PID: { raw: i32, means: (event, value) => event.find(Number(value))?.data.comm },
  SIGTYPE: { raw: i32, means: (_, value) => signalName(Number(value)) },
  MODE: { raw: (register) => (event) => event.u32(offset(register)) & 0o177777, print: octal },
};

function flagKind(set: FlagSet): Kind {
  const translate = falcoFlags(set);
  return { raw: (register) => (event) => translate(event.u32(offset(register))), means: flags(set) };
}

function enumKind(set: FlagSet): Kind {
  const translate = falcoFlags(set);
  return {
    raw: (register) => (event) => translate(event.u32(offset(register))),
    means: (_, value) => enumName(set, Number(value)),
  };
}

function registerKind(param: EventParam, isOwn: boolean, register: Register): Kind | undefined {
  const { type, flagset } = param;
  if (type === 'ERRNO') return { raw: i64, means: error };
  if (type === 'FD') return register === 'ret' ? returned : isOwn ? passed : passedOther;
  if (type === 'MODE' && flagset !== undefined) return { ...(kinds.MODE as Kind), means: flags(flagset) };
  if (flagset !== undefined) return type.startsWith('ENUM') ? enumKind(flagset) : flagKind(flagset);
  return kinds[type];
}

const printers: Readonly<Record<string, (value: Scalar) => string>> = { hex, oct: octal };

/** The argument of a parameter that is in a register. */
function inRegister(param: EventParam, isOwn: boolean, register: Register): Argument | undefined {
  const kind = registerKind(param, isOwn, register);
  if (kind === undefined) return undefined;
  const print = kind.print ?? (param.print && printers[param.print]);
  const { raw, means } = kind;
  return { name: param.name, raw: raw(register), ...(print ? { print } : {}), ...(means ? { means } : {}) };
}

function inText(name: string, from: string): Argument {
  const which = Number(from.at(-1)) as 0 | 1;
  const raw = (event: KernelEvent) => (event.kind === KIND.call ? rawText(event, which) : undefined);
  return from.startsWith('text') ? { name, raw } : { name, raw, means: (event) => joinedPath(event, which) };
}

/** The queue of the socket that a connection came through; what io_uring accepts does not tell. */
const ofQueue = (read: (event: KernelEvent) => number) => (event: KernelEvent) =>
  event.kind === KIND.socket && !event.has('uring') && event.i32(SOCKET.ret + 4) >= 0 ? read(event) : undefined;
const queueLength = (event: KernelEvent) => event.u32(SOCKET.queue_len);
const queueRoom = (event: KernelEvent) => event.u32(SOCKET.queue_max);
const QUEUE: Readonly<Record<string, Argument['raw']>> = {
  queuelen: ofQueue(queueLength),
  queuemax: ofQueue(queueRoom),
  queuepct: ofQueue((event) => Math.min(255, Math.floor((queueLength(event) * 100) / (queueRoom(event) || 1)))),
};

function argumentOf(param: EventParam, { args, data }: Call, isOwn: boolean): Argument | undefined {
  const { name, type } = param;
  const from = args[name];
  const queue = QUEUE[name];
  if (queue !== undefined) return { name, raw: queue };
  if (type === 'BYTEBUF') return data && name === 'data' ? { name, raw: movedData, print: bytesText } : undefined;
  if (type === 'SOCKTUPLE')
    return { name, raw: (event) => (event.kind === KIND.socket && socketOf(event).name) || NONE };
  if (type === 'SOCKADDR') return { name, raw: (event) => (event.kind === KIND.socket && askedAddress(event)) || NONE };
  // 32-bit calls have it in two registers, not all of them in the same two.
  if (name === 'pos') return { name, raw: (event) => (event.has('compat') ? undefined : u64(Number(from))(event)) };
  if (from === undefined) return name === 'res' ? inRegister(param, isOwn, 'ret') : undefined;
  if (from.startsWith('path') || from.startsWith('text')) return inText(name, from);
  return inRegister(param, isOwn, from === 'ret' ? 'ret' : Number(from));
}

const byCall: (readonly Argument[] | undefined)[] = [];

/** The parameters of a call, in Falco's order; those that no record tells are left out. */
export function callArguments(event: KernelEvent): readonly Argument[] {
  return argumentsOfCall(event.u32(NR));
}

/** As `callArguments`, by the number that records carry. */
export function argumentsOfCall(nr: number): readonly Argument[] {
  let list = byCall[nr];
  if (list === undefined) byCall[nr] = list = makeArguments(nr);
  return list;
}

function makeArguments(nr: number): readonly Argument[] {
  const call = callOf(nr);
  const type = call && eventType(call.name);
  if (call === undefined || type === undefined) return [];
  return type.params.flatMap((param, index) => argumentOf(param, call, index === type.fdParam) ?? []);
}
