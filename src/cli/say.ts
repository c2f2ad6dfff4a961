/** What verbs print: all of it goes through here, for much of it was written by others. */

import { visible } from '../core/visible.ts';

/** Writes to the standard output; what a terminal would obey is escaped, JSON stays the same. */
export function say(text: string): void {
  process.stdout.write(visible(text));
}
