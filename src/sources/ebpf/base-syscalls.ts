/** The configuration key `base_syscalls`: Falco's words for the system calls that are sent beside those of the rules. */

import { z } from 'zod';
import type { PlanContext } from '../../core/component.ts';
import { suggest } from '../../core/errors.ts';
import { syscallEventTypes } from '../../events/syscall/event-types.ts';
import { eventTypes } from './wanted.ts';

/** `name` of `!name`. */
const nameOf = (word: string) => word.replace(/^!/, '');

function unknownCall({ input }: { readonly input?: unknown }): string {
  const near = suggest(nameOf(String(input)), syscallEventTypes.names);
  return `the name of a system call${near === undefined ? '' : `, such as ${near}`}`;
}

export const baseSyscallsConfig = z
  .strictObject({
    custom_set: z
      .array(z.string().refine((word) => syscallEventTypes.names.has(nameOf(word)), { error: unknownCall }))
      .default([])
      .describe('System calls that are sent whatever the rules look at; with ! in front, that are never sent.'),
    all: z
      .boolean()
      .default(false)
      .describe(
        'Every system call that is known here. Without it read, write and their kin come only to rules that name them.',
      ),
    repair: z
      .boolean()
      .default(false)
      .describe('Falco adds the calls that its tables are made from. There are no such tables here: it has no effect.'),
  })
  .prefault({})
  .describe("System calls beside those that the rules look at, in Falco's words.");

/** Says what has no effect: Falco's configurations name calls from which descriptors and processes are told apart. */
export function warnOfBaseSyscalls(base: z.output<typeof baseSyscallsConfig>, plan: Pick<PlanContext, 'report'>): void {
  const warn = (message: string, hint: string, path: readonly (string | number)[]) =>
    plan.report({ severity: 'warning', code: 'CONFIG_NO_EFFECT', message, hint }, ['base_syscalls', ...path]);
  if (base.repair) {
    const hint = 'Leave it out: what a descriptor leads to and who a process is are asked of the kernel.';
    warn('base_syscalls.repair has no effect here', hint, ['repair']);
  }
  base.custom_set.forEach((word, index) => {
    if (eventTypes.has(nameOf(word))) return;
    const hint = 'Leave it out: nothing here depends on it, and no rule can see it.';
    warn(`The system call ${nameOf(word)} is not read here`, hint, ['custom_set', index]);
  });
}
