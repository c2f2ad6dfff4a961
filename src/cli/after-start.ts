/** What is done once, when the program has begun its work. */

import { setFlagsFromString } from 'node:v8';
import { trimMemory } from '../../native/index.ts';

/**
 * How often a function has run when V8 makes good code of it. Not so in the launcher: most of what loads rules runs some
 * hundred times and never again. From here on what runs at all runs for days.
 */
const COMPILE_AFTER = 100;

/** Gives back what only the start needed, and has V8 compile what events go through sooner than it would. */
export function afterStart(): void {
  // Else V8 collects it at some moment of the next seconds, while an alert waits. The launcher gives us `gc`.
  globalThis.gc?.();
  trimMemory();
  setFlagsFromString(`--invocation-count-for-maglev=${COMPILE_AFTER}`);
}
