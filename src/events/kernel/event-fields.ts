/** Readers of `evt.*`: the event itself (spec/falco-engine.md §6.7). */

import type { Value } from '../field.ts';
import { NODE } from '../origin.ts';
import { eventType } from '../syscall/event-types.ts';
import { timeFields } from '../time-fields.ts';
import { type Argument, argumentFinder, argumentsOf, argumentsText, argumentText, isArgument } from './arguments.ts';
import { absolutePath } from './call-paths.ts';
import { RET } from './calls.ts';
import { errnoName } from './errno.ts';
import type { KernelEvent } from './event.ts';
import { HEADER, KIND, OPEN } from './layout.ts';
import { movedData, movedLength, movedLengthOf } from './moved-data.ts';
import { exact } from './numbers.ts';
import { linuxFlags, makesFile, openName, succeeded } from './open-fields.ts';
import { makesTemporary, reads, writes } from './open-flags.ts';
import { given, type KernelReader, plain, type ReaderMaker } from './readers.ts';

const SECOND = 1_000_000_000n;

/** What the call returned; undefined for events that no call made. */
function rawResult(event: KernelEvent): number | bigint | undefined {
  switch (event.kind) {
    case KIND.exit:
      return undefined;
    case KIND.fork:
    case KIND.exec:
      return 0;
    default:
      return event.i64(RET);
  }
}

const failed = (event: KernelEvent) => given(rawResult(event), (result) => result < 0);
const category = (event: KernelEvent) => eventType(event.type)?.category ?? 'unknown';

/** 1 when the call failed and is of that group; absent for calls of other groups. */
function errors(group: string): KernelReader {
  return (event) => {
    const kind = category(event);
    const ours = group === 'other' ? kind !== 'file' && kind !== 'net' && kind !== 'memory' : kind === group;
    return ours ? given(failed(event), Number) : undefined;
  };
}

const ofTime =
  (read: (time: bigint) => Value): KernelReader =>
  (event) =>
    read(event.time);

/** A span of time in three readers: all of it, its seconds, the rest in ns. */
function span(name: string, read: (event: KernelEvent) => bigint): Record<string, KernelReader> {
  return {
    [name]: (event) => exact(read(event)),
    [`${name}.s`]: (event) => exact(read(event) / SECOND),
    [`${name}.ns`]: (event) => exact(read(event) % SECOND),
  };
}

const sinceFirst = (event: KernelEvent) => event.time - (event.slab.context.firstTime ?? event.time);

const openFamily =
  (test: (event: KernelEvent) => boolean): KernelReader =>
  (event) =>
    event.kind === KIND.open && test(event);

/** The call makes a file that may be executed. */
const makesExecutable = openFamily((event) => makesFile(event) && (event.u32(OPEN.mode) & 0o111) !== 0);
const created = openFamily(
  (event) => event.u16(OPEN.created) !== 0 || (makesTemporary(linuxFlags(event)) && succeeded(event)),
);

const never = () => false;

/** Finds the argument that `evt.arg.NAME` or `evt.arg[0]` means; undefined when no event has it. */
function finder(arg: string): ((event: KernelEvent) => Argument | undefined) | undefined {
  if (/^\d+$/.test(arg)) return (event) => argumentsOf(event)[Number(arg)];
  return isArgument(arg) ? argumentFinder(arg) : undefined;
}

/** `evt.arg.NAME`: the text of an argument. */
const argument: ReaderMaker = (arg) => {
  const find = arg === undefined ? undefined : finder(arg);
  return find && ((event) => given(find(event), (found) => argumentText(found, event)));
};

/** `evt.rawarg.NAME`: its value. */
const rawArgument: ReaderMaker = (arg) => {
  const find = arg === undefined ? undefined : finder(arg);
  return find && ((event) => given(find(event), (found) => found.raw(event)));
};

/** The path of the calls that take a directory descriptor. */
const abspath: ReaderMaker = (arg) => {
  const ofCall = absolutePath(arg === 'src' || arg === 'dst' ? arg : 'one');
  return (event) => {
    if (event.kind !== KIND.open) return ofCall(event);
    return event.type.startsWith('openat') ? openName(event) : undefined;
  };
};

/** Whether the call moves data through its descriptor. */
const moves =
  (trait: 'reads' | 'writes'): ((event: KernelEvent) => boolean) =>
  (event) =>
    eventType(event.type)?.traits.has(trait) === true;
const readsData = moves('reads');
const writesData = moves('writes');
const direction: KernelReader = (event) => (readsData(event) ? 'read' : writesData(event) ? 'write' : undefined);

export const eventReaders: Readonly<Record<string, ReaderMaker>> = {
  ...plain({
    'evt.num': (event) => event.slab.firstNumber + event.index,
    ...Object.fromEntries([...timeFields].map(([name, read]) => [name, ofTime(read)])),
    ...span('evt.reltime', sinceFirst),
    ...span('evt.deltatime', (event) => event.slab.timeSincePrevious(event)),
    'evt.source': () => 'syscall',
    'evt.is_async': never,
    'evt.hostname': (event) => event.slab.context.hostname,
    [NODE]: (event) => event.slab.context.hostname,
    'evt.dir': () => '<',
    'evt.type': (event) => event.type,
    'syscall.type': (event) => (event.kind === KIND.exit ? undefined : event.type),
    'evt.category': category,
    'evt.args': argumentsText,
    'evt.info': argumentsText,
    'evt.res': (event) => given(rawResult(event), (result) => (result >= 0 ? 'SUCCESS' : errnoName(-Number(result)))),
    'evt.rawres': rawResult,
    'evt.failed': failed,
    'evt.is_io': (event) => readsData(event) || writesData(event),
    'evt.is_io_read': readsData,
    'evt.is_io_write': writesData,
    'evt.io_dir': direction,
    'evt.cpu': (event) => event.u32(HEADER.cpu),
    'evt.buffer': movedData,
    'evt.buflen': movedLength(),
    'evt.buflen.in': movedLength('reads'),
    'evt.buflen.out': movedLength('writes'),
    'evt.buflen.file': movedLengthOf('file'),
    'evt.buflen.file.in': movedLengthOf('file', 'reads'),
    'evt.buflen.file.out': movedLengthOf('file', 'writes'),
    'evt.buflen.net': movedLengthOf('net'),
    'evt.buflen.net.in': movedLengthOf('net', 'reads'),
    'evt.buflen.net.out': movedLengthOf('net', 'writes'),
    'evt.is_wait': never,
    'evt.is_syslog': never,
    'evt.is_io_uring': (event) => event.has('uring'),
    'evt.count': () => 1,
    'evt.count.error': (event) => given(failed(event), Number),
    'evt.count.error.file': errors('file'),
    'evt.count.error.net': errors('net'),
    'evt.count.error.memory': errors('memory'),
    'evt.count.error.other': errors('other'),
    'evt.count.exit': (event) => (event.kind === KIND.exit ? undefined : 1),
    'evt.is_open_read': openFamily((event) => reads(linuxFlags(event))),
    'evt.is_open_write': openFamily((event) => writes(linuxFlags(event))),
    'evt.is_open_exec': makesExecutable,
    'evt.is_open_create': created,
  }),
  'evt.abspath': abspath,
  'evt.type.is': (arg) => (event) => (event.type === arg ? 1 : 0),
  'evt.arg': argument,
  'evt.rawarg': rawArgument,
};
