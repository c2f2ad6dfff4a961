/** Opens of one shell as the kernel sends them, and which rules match them. */

import { expect } from 'vitest';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import type { Ruleset } from '../../src/rules/index.ts';
import { open, shell } from '../events-kernel/shell.ts';
import { Bench, type Fields } from '../events-kernel/slab-writer.ts';
import type { Opened } from '../native/filter-model.ts';
import { namesFound } from './support.ts';

/** Knows the shell that opens. */
export const bench = new Bench().load(shell);

export function recordOf({ ret, flags, raw, base, real, comm = shell.comm }: Opened): Fields {
  const from = raw.startsWith('/') ? '' : base;
  return open(raw, { ...shell, comm, ret, open_flags: flags, base: from, real });
}

/** For each open the names of the rules that match it; none match those that are passed over. */
export function judged(ruleset: Ruleset<KernelEvent>, opens: readonly Fields[]): readonly string[] {
  const slab = bench.slab(...opens);
  const namesOf = (index: number) => namesFound(ruleset, slab.at(index) as KernelEvent).join(' ');
  const found = new Map<number, string>();
  for (let index = ruleset.next(slab, 0); index < slab.length; index = ruleset.next(slab, index + 1))
    found.set(index, namesOf(index));
  for (const index of opens.keys()) if (!found.has(index)) expect(namesOf(index)).toBe('');
  slab.release();
  return opens.map((_, index) => found.get(index) ?? '');
}
