/** The parameters of system calls that are registers and texts, by the tables of calls and of Falco's events. */

import { numbersHere } from '../../../native/abi.ts';
import type { Scalar } from '../field.ts';
import { type EventParam, eventType } from '../syscall/event-types.ts';
import type { FlagSet } from '../syscall/flag-table.ts';
import { enumName } from '../syscall/flags.ts';
import { type Argument, bytesText, directory, error, flags, hex, octal, signalName } from './argument.ts';
import { falcoFlags } from './call-flags.ts';
import { joinedPath, rawText } from './call-paths.ts';
import { callOf, type NamedCall, NR, RET } from './calls.ts';
import { descriptorName, descriptorType } from './descriptor.ts';
import type { KernelEvent } from './event.ts';
import { CALL, CALL_TEXTS, KIND, SOCKET } from './layout.ts';
import { ancillaryData, movedData } from './moved-data.ts';
import { groupNameAt, userAt } from './names.ts';
import { unsigned } from './numbers.ts';
import { textStart } from './records.ts';
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
/** Whatever the call makes of it. */
const word = (register: Register) => (event: KernelEvent) =>
  event.has('compat') ? event.i32(offset(register)) : event.i64(offset(register));
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
  if (type === 'DYN' && param.variants?.includes('INT64')) return { raw: word };
  if (type === 'FD') return register === 'ret' ? returned : isOwn ? passed : passedOther;
  if (type === 'MODE' && flagset !== undefined) return { ...(kinds.MODE as Kind), means: flags(flagset) };
  if (flagset !== undefined) return type.startsWith('ENUM') ? enumKind(flagset) : flagKind(flagset);
  return kinds[type];
}

const printers: Readonly<Record<string, (value: Scalar) => string>> = { hex, oct: octal };

/** How its number prints, where that is not as it is. */
function printed(param: EventParam, print = param.print && printers[param.print]): Pick<Argument, 'print'> {
  return print === undefined ? {} : { print };
}

/** The argument of a parameter that is in a register. */
function inRegister(param: EventParam, isOwn: boolean, register: Register): Argument | undefined {
  const kind = registerKind(param, isOwn, register);
  if (kind === undefined) return undefined;
  const { raw, means, print } = kind;
  return { name: param.name, raw: raw(register), ...printed(param, print), ...(means ? { means } : {}) };
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

/** What the call's note says: all of it as a text, or the number at an offset. */
function inNote(param: EventParam, from: string): Argument {
  const { name, flagset } = param;
  const [, offset] = from.split(':');
  if (offset === undefined) return { name, raw: noteText };
  const number = (event: KernelEvent) => noteNumber(event, Number(offset));
  if (flagset === undefined) return { name, raw: number };
  const translate = falcoFlags(flagset);
  const raw = (event: KernelEvent) => {
    const value = number(event);
    return value === undefined ? undefined : translate(value);
  };
  return { name, raw, ...printed(param), means: flags(flagset) };
}

const noteText = (event: KernelEvent) =>
  event.kind === KIND.call ? event.text(CALL_TEXTS, CALL_TEXTS.data) || undefined : undefined;

function noteNumber(event: KernelEvent, at: number): number | undefined {
  if (event.kind !== KIND.call || event.textLength(CALL_TEXTS, CALL_TEXTS.data) < at + 4) return undefined;
  return event.memory.view.getUint32(textStart(event.memory, event.offset, CALL_TEXTS, CALL_TEXTS.data) + at, true);
}

/** What the buffers hold together that a call writes from; it stands in the place of the last register. */
function room(event: KernelEvent): number | undefined {
  const at = CALL.args + 8 * 5;
  return event.u32(at + 4) === UNSET ? undefined : event.u32(at);
}

/** A position in a file: 32-bit calls have it in two registers, which those of arm begin with an even one. */
function position({ name }: NamedCall, register: number): Raw {
  const isAligned = process.arch === 'arm64' && (name === 'pread' || name === 'pwrite');
  const low = register + (isAligned ? 1 : 0);
  const joined = (event: KernelEvent) => unsigned(u32(low + 1)(event), u32(low)(event));
  return (event) => (event.has('compat') ? joined(event) : u64(register)(event));
}

/** The first bytes of a module, of which there always are some. */
const moduleImage = (event: KernelEvent) => {
  const bytes = movedData(event);
  return bytes === undefined || bytes.length === 0 ? undefined : bytes;
};
const BYTES: Readonly<Record<string, Raw>> = { data: movedData, img: moduleImage, msgcontrol: ancillaryData };

/** Falco's numbers of calls that have no event of their own (data/falco/falco_events.json). */
const GENERIC: Readonly<Record<string, number>> = { pivot_root: 137, perf_event_open: 234, fchmodat2: 413 };

/** Calls whose events have the parameters of another one too: in Falco they have none. */
const LIKE: Readonly<Record<string, string>> = { fchmodat2: 'fchmodat' };

/** The number of the call where it was made. */
function nativeNumber(call: NamedCall): Raw {
  const { own, compat } = numbersHere(call);
  return (event) => (event.has('compat') ? compat : own)[0];
}

function argumentOf(param: EventParam, call: NamedCall, isOwn: boolean): Argument | undefined {
  const { name, type } = param;
  const { args, data } = call;
  const from = args[name];
  const queue = QUEUE[name];
  if (queue !== undefined) return { name, raw: queue };
  if (type === 'SYSCALLID') return { name, raw: (event) => GENERIC[event.type], means: (event) => event.type };
  if (name === 'nativeID') return { name, raw: nativeNumber(call) };
  const bytes = data && type === 'BYTEBUF' ? BYTES[name] : undefined;
  if (type === 'BYTEBUF') return bytes && { name, raw: bytes, print: bytesText };
  if (type === 'SOCKTUPLE')
    return { name, raw: (event) => (event.kind === KIND.socket && socketOf(event).name) || NONE };
  if (type === 'SOCKADDR') return { name, raw: (event) => (event.kind === KIND.socket && askedAddress(event)) || NONE };
  if (name === 'pos') return { name, raw: position(call, Number(from)) };
  if (from === 'room') return { name, raw: room };
  // What failed has moved nothing.
  if (name === 'size' && from === 'ret') return { name, raw: (event) => Math.max(0, Number(event.i64(RET))) };
  if (from?.startsWith('note')) return inNote(param, from);
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
  if (call === undefined) return [];
  return [call.name, LIKE[call.name] ?? []].flat().flatMap((name) => {
    const type = eventType(name);
    return type?.params.flatMap((param, index) => argumentOf(param, call, index === type.fdParam) ?? []) ?? [];
  });
}
