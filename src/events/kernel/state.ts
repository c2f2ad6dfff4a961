/** What the process of an event was at that moment, as it stands behind the texts of the record when a field reads it. */

import type { Value } from '../field.ts';
import { nameByMagic, typeByMagic, typeByName } from './descriptor.ts';
import type { KernelEvent } from './event.ts';
import { DESCRIPTOR, HEADER, HEADER_SIZE, STATE } from './layout.ts';
import { given, type KernelReader } from './readers.ts';
import { type Socket, shownPath, socketAt } from './socket.ts';
import { textAt } from './text.ts';

/** The last bytes of a record that has a state say where it begins. */
const TRAILER = 8;
const DESCRIBED = 3;
const NAMES_AT = STATE.size + DESCRIBED * DESCRIPTOR.size;

/** Where the state begins in the record; undefined when there is none, or it is not whole. */
function begin(event: KernelEvent): number | undefined {
  if (!event.has('state')) return undefined;
  const room = event.u32(HEADER.size) - TRAILER;
  const at = event.u32(room);
  if (at < HEADER_SIZE || at + STATE.size > room) return undefined;
  return event.u32(at + STATE.described) === 0 || at + NAMES_AT <= room ? at : undefined;
}

/** Reads a number of the state. */
export function ofState(read: (event: KernelEvent, at: number) => Value | undefined): KernelReader {
  return (event) => given(begin(event), (at) => read(event, at));
}

/** A descriptor of the process: where its block begins in the record, and its name. */
interface Described {
  readonly at: number;
  /** Undefined when it is not whole. */
  readonly name: string | undefined;
}

function describe(event: KernelEvent, number: number): Described | undefined {
  const state = begin(event);
  if (state === undefined || event.u32(state + STATE.described) !== DESCRIBED) return undefined;
  const block = (index: number) => state + STATE.size + index * DESCRIPTOR.size;
  let start = state + NAMES_AT;
  for (let before = 0; before < number; before++) start += event.u16(block(before) + DESCRIPTOR.name_length);
  const at = block(number);
  const length = event.u16(at + DESCRIPTOR.name_length);
  const isWhole = event.u8(at + DESCRIPTOR.name_partial) === 0 && start + length <= event.u32(HEADER.size) - TRAILER;
  return { at, name: isWhole ? textAt(event.memory, event.offset + start, length) : undefined };
}

function socketOf(event: KernelEvent, { at, name = '' }: Described): Socket | undefined {
  return event.u16(at + DESCRIPTOR.family) === 0 ? undefined : socketAt(event, at, DESCRIPTOR, shownPath(name));
}

const magicOf = (event: KernelEvent, { at }: Described) => event.u32(at + DESCRIPTOR.magic);

/** `proc.stdin.type` and its kin, in the words of `fd.type`; absent for a descriptor that is closed. */
export function descriptorWord(number: number): KernelReader {
  return (event) =>
    given(describe(event, number), (found) => {
      const socket = socketOf(event, found);
      if (socket !== undefined) return socket.type;
      const byMagic = typeByMagic(magicOf(event, found), event.u32(found.at + DESCRIPTOR.file_flags));
      return (byMagic ?? typeByName(found.name ?? '')).word;
    });
}

/** `proc.stdin.name` and its kin, as `fd.name` of a descriptor that was opened before. */
export function descriptorTarget(number: number): KernelReader {
  return (event) =>
    given(describe(event, number), (found) => {
      const magic = magicOf(event, found);
      if (magic === 0) return undefined;
      const socket = socketOf(event, found);
      return socket?.name ?? nameByMagic(magic, event.u64(found.at + DESCRIPTOR.ino)) ?? found.name;
    });
}
