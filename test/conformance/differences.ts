/** Conformance cases, and how results differ from what they expect. */

import { isDeepStrictEqual } from 'node:util';

export interface Case {
  readonly id: string;
  readonly kind: string;
  readonly quirk?: boolean;
  readonly expect: Record<string, unknown>;
  readonly [key: string]: unknown;
}

/** The differences of what a case expects and what came out, for the keys that it names. */
export function differences(expected: Record<string, unknown>, got: Record<string, unknown>): string | undefined {
  for (const [key, value] of Object.entries(expected)) {
    if (!isDeepStrictEqual(got[key], value)) return `${key}: expected ${shown(value)}, got ${shown(got[key])}`;
  }
  return undefined;
}

/**
 * Whether Falco says it too, of values in a condition and of keys of an item. What only we say of them is no difference:
 * docs/compatibility.md.
 */
export function isFalcos(code: string, message: string, itemType?: string): boolean {
  if (code === 'LOAD_COMPILE_CONDITION') return /^regex check with '|' may be a valid field/.test(message);
  return code !== 'LOAD_UNKNOWN_KEY' || (message.startsWith('Unknown key') && itemType !== 'exception');
}

function shown(value: unknown): string {
  return (
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each))?.slice(0, 300) ??
    'nothing'
  );
}
