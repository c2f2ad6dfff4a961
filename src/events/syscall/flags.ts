/** Numbers to names: open flags, capabilities of a clone, socket families, commands. */

import { type FlagSet, flagRows } from './flag-table.ts';

/** A name and its bits, in the order of printing. */
export type Flag = readonly [name: string, value: number];

const parsed = new Map<FlagSet, readonly Flag[]>();

/** The flags of a set, parsed at first use. */
export function flagSet(set: FlagSet): readonly Flag[] {
  let flags = parsed.get(set);
  if (flags === undefined) {
    flags = flagRows[set].trim().split(/\s+/).map(parseFlag);
    parsed.set(set, flags);
  }
  return flags;
}

function parseFlag(word: string): Flag {
  const at = word.indexOf('=');
  return [word.slice(0, at), Number(word.slice(at + 1))];
}

/**
 * The names of the bits that are set, joined by `|`, as `evt.arg.flags` shows them; undefined when none has a name. A
 * bit is named once: O_RDWR (3) hides O_WRONLY and O_RDONLY. Zero has a name only where the set gives one (O_NONE).
 */
export function flagNames(set: FlagSet, value: number): string | undefined {
  const flags = flagSet(set);
  if (value === 0) return flags.find(([, bits]) => bits === 0)?.[0];
  const names: string[] = [];
  let left = value >>> 0;
  for (const [name, bits] of flags) {
    if (bits === 0 || (left & bits) >>> 0 !== bits) continue;
    names.push(name);
    left = (left & ~bits) >>> 0;
  }
  return names.length > 0 ? names.join('|') : undefined;
}

/** The name of a value of an enumeration (aliases joined by `|`: `AF_LOCAL|AF_UNIX`), or undefined when it has none. */
export function enumName(set: FlagSet, value: number): string | undefined {
  const names = flagSet(set).filter(([, known]) => known === value);
  return names.length > 0 ? names.map(([name]) => name).join('|') : undefined;
}
