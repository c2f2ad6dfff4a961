/** Events that say nothing, to rehearse with. */

import { CALLS } from '../../../native/calls.ts';
import { NR } from './calls.ts';
import { KernelContext } from './context.ts';
import type { KernelEvent } from './event.ts';
import { HEADER, KIND } from './layout.ts';
import { ProcessImages } from './process-images.ts';
import { RING_HEADER } from './records.ts';
import { KernelSlab, SlabPool } from './slab.ts';

/** Bytes of a record that has room for what any kind has beside its texts. */
const SIZE = 1024;

/** An event of that type by process 0, of which nothing is known; undefined for a type that kernel events do not have. */
export function exampleOf(type: string): KernelEvent | undefined {
  // Executions that succeed have a kind of their own.
  const kind = type === 'execve' ? KIND.exec : KIND[CALLS[type]?.kind ?? 'exit'];
  if (kind === KIND.exit) return undefined;
  const pool = new SlabPool(RING_HEADER + SIZE);
  const memory = pool.take();
  const { words, view } = memory;
  words[0] = SIZE;
  view.setUint16(RING_HEADER + HEADER.kind, kind, true);
  words[(RING_HEADER + HEADER.size) >>> 2] = SIZE;
  if (kind !== KIND.exec) words[(RING_HEADER + NR) >>> 2] = CALLS[type]?.id ?? 0;
  const names = { user: () => undefined, userName: () => undefined, groupName: () => undefined };
  const context = new KernelContext({ names, bootOffset: 0n });
  const filled = { memory, processes: new ProcessImages(), context };
  return KernelSlab.fill(filled, RING_HEADER + SIZE, new Set([kind]), pool).at(0);
}
