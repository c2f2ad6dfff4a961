/** Events that stand for others, to rehearse with. */

import { CALLS } from '../../../native/calls.ts';
import { NR } from './calls.ts';
import { KernelContext } from './context.ts';
import type { KernelEvent } from './event.ts';
import { EXEC_TEXTS, HEADER, KIND, OPEN, OPEN_TEXTS } from './layout.ts';
import { ProcessImages } from './process-images.ts';
import { RING_HEADER, type Shape } from './records.ts';
import { KernelSlab } from './slab.ts';
import { type SlabMemory, SlabPool } from './slab-memory.ts';

/** Bytes of a record that has room for what any kind has beside its texts, and for a few short ones. */
const SIZE = 1024;
const FRAME = RING_HEADER + SIZE;
/** The program, the folder it is in, its arguments. */
const SHELL = ['/usr/bin/sh', '/tmp', 'sh\0'];
/** The path as the caller wrote it, of a file that many rules look at. */
const FILE = ['/etc/shadow'];
const O_RDWR = 2;

/** An event of that type by a shell of root's in /tmp; undefined for a type that kernel events do not have. */
export function exampleOf(type: string): KernelEvent | undefined {
  // Executions that succeed have a kind of their own.
  const kind = type === 'execve' ? KIND.exec : KIND[CALLS[type]?.kind ?? 'exit'];
  if (kind === KIND.exit) return undefined;
  const pool = new SlabPool(2 * FRAME);
  const memory = pool.take();
  const process = begin(memory, 0, KIND.scan);
  write(memory, process, EXEC_TEXTS, SHELL);
  const event = begin(memory, FRAME, kind);
  if (kind !== KIND.exec) memory.words[(event + NR) >>> 2] = CALLS[type]?.id ?? 0;
  if (kind === KIND.open) {
    memory.words[(event + OPEN.open_flags) >>> 2] = O_RDWR;
    write(memory, event, OPEN_TEXTS, FILE);
  }
  const names = { user: () => undefined, userName: () => undefined, groupName: () => undefined };
  const context = new KernelContext({ names, bootOffset: 0n });
  const filled = { memory, processes: new ProcessImages(), context };
  return KernelSlab.fill(filled, 2 * FRAME, new Set([kind]), pool).at(0);
}

/** Begins a record in the frame at `frame`; returns where. */
function begin({ words, view, buffer }: SlabMemory, frame: number, kind: number): number {
  const at = frame + RING_HEADER;
  words[frame >>> 2] = SIZE;
  view.setUint16(at + HEADER.kind, kind, true);
  words[(at + HEADER.size) >>> 2] = SIZE;
  buffer.write('sh', at + HEADER.comm);
  return at;
}

/** Writes texts of a record: all that its kind has, or the first of them. */
function write(
  { view, buffer }: SlabMemory,
  record: number,
  { lengths, first }: Shape,
  texts: readonly string[],
): void {
  let at = record + first;
  texts.forEach((text, index) => {
    view.setUint16(record + lengths + 2 * index, text.length, true);
    at += buffer.write(text, at);
  });
}
