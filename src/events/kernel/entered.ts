/** Where a process goes by chdir and fchdir. */

import type { KernelEvent } from './event.ts';
import { CHDIR_TEXTS } from './layout.ts';

/** The directory, canonical; undefined when the kernel could not tell all of it: its end would pass for another one. */
export function enteredDirectory(event: KernelEvent): string | undefined {
  return event.has('base_partial') ? undefined : event.text(CHDIR_TEXTS, CHDIR_TEXTS.cwd);
}
