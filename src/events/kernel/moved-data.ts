/** What a call reads, writes, sends or receives: its beginning, when it was asked for, and how much it was. */

import { CALLS } from '../../../native/calls.ts';
import { eventType } from '../syscall/event-types.ts';
import { callOf, NR, RET } from './calls.ts';
import { descriptorType } from './descriptor.ts';
import type { KernelEvent } from './event.ts';
import { CALL_TEXTS, KIND, SOCKET, SOCKET_TEXTS } from './layout.ts';
import { textLength, textStart } from './records.ts';
import { socketOf } from './socket.ts';

const NOTHING = new Uint8Array();

/** Calls that move several messages, each of which is an event: the last register is its length. */
const MANY: ReadonlySet<number> = new Set([CALLS.sendmmsg?.id ?? -1, CALLS.recvmmsg?.id ?? -1]);

/** Bytes that were moved, negative when the call failed. */
function moved(event: KernelEvent): number | bigint {
  const result = event.i64(RET);
  return result > 0 && MANY.has(event.u32(NR)) ? event.u64(SOCKET.args + 40) : result;
}

/** A copy of the data; empty when nothing was moved, undefined when it was not asked for or could not be read. */
export function movedData(event: KernelEvent): Uint8Array | undefined {
  const { kind } = event;
  if ((kind !== KIND.call && kind !== KIND.socket) || !callOf(event.u32(NR))?.data) return undefined;
  const [shape, index] = kind === KIND.call ? [CALL_TEXTS, CALL_TEXTS.data] : [SOCKET_TEXTS, SOCKET_TEXTS.data];
  const length = textLength(event.memory, event.offset, shape, index);
  if (length === 0) return moved(event) > 0 ? undefined : NOTHING;
  const start = textStart(event.memory, event.offset, shape, index);
  return new Uint8Array(event.memory.buffer.subarray(start, start + length));
}

/** A copy of the ancillary data that a message came with; empty when it came with none. */
export function ancillaryData(event: KernelEvent): Uint8Array | undefined {
  if (event.kind !== KIND.socket) return undefined;
  const length = textLength(event.memory, event.offset, SOCKET_TEXTS, SOCKET_TEXTS.control);
  const start = textStart(event.memory, event.offset, SOCKET_TEXTS, SOCKET_TEXTS.control);
  return new Uint8Array(event.memory.buffer.subarray(start, start + length));
}

type Direction = 'reads' | 'writes';

/** Bytes that the call moved, in one direction or in any; undefined for calls that move none, and those that failed. */
export function movedLength(direction?: Direction): (event: KernelEvent) => number | bigint | undefined {
  return (event) => {
    const { traits } = eventType(event.type) ?? {};
    if (!(direction === undefined ? traits?.has('reads') || traits?.has('writes') : traits?.has(direction)))
      return undefined;
    const result = moved(event);
    return result < 0 ? undefined : result;
  };
}

/** As `movedLength`, of files or of internet sockets only. */
export function movedLengthOf(what: 'file' | 'net', direction?: Direction): ReturnType<typeof movedLength> {
  const length = movedLength(direction);
  return (event) => {
    const isSocket = event.kind === KIND.socket;
    const ours = what === 'net' ? isSocket && socketOf(event).family === 'ip' : !isSocket && isFile(event);
    return ours ? length(event) : undefined;
  };
}

const isFile = (event: KernelEvent) => event.kind === KIND.call && descriptorType(event).word === 'file';
