/** Opens of one shell as the kernel sends them, and which rules match them. */

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

/** For each open the names of the rules that match it. Those that are passed over (`Ruleset.next`) are judged too. */
export function judged(ruleset: Ruleset<KernelEvent>, opens: readonly Fields[]): readonly string[] {
  const slab = bench.slab(...opens);
  const namesOf = (index: number) => namesFound(ruleset, slab.at(index) as KernelEvent).join(' ');
  const found = opens.map(() => '');
  const given = new Set<number>();
  for (let index = ruleset.next(slab, 0); index < slab.length; index = ruleset.next(slab, index + 1)) {
    given.add(index);
    found[index] = namesOf(index);
  }
  for (const index of opens.keys()) if (!given.has(index)) found[index] = namesOf(index);
  slab.release();
  return found;
}
