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

/** For each open the names of the rules that match it. */
export function judged(ruleset: Ruleset<KernelEvent>, opens: readonly Fields[]): readonly string[] {
  const slab = bench.slab(...opens);
  const found = opens.map((_, index) => namesFound(ruleset, slab.at(index) as KernelEvent).join(' '));
  slab.release();
  return found;
}
