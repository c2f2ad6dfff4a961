/** Whether alerts are exactly those that a test lists, in their order. */

import { differences, type Raised, shown } from './scenarios/judge.ts';
import type { AlertExpectation } from './scenarios/schema.ts';

export interface Comparison {
  /** What is wrong, a line each: nothing when all is as expected. */
  readonly wrong: readonly string[];
  /** The rules of expected alerts that did not come. */
  readonly missing: readonly string[];
}

/** Compares one after the other: what comes out of order is both missing and not expected. */
export function exactly(expected: readonly AlertExpectation[], raised: readonly Raised[]): Comparison {
  const wrong: string[] = [];
  const missing: string[] = [];
  let next = 0;
  for (const wanted of expected) {
    const at = findNext(wanted, raised, next);
    if (at < 0) {
      missing.push(wanted.rule ?? '');
      continue;
    }
    wrong.push(...raised.slice(next, at).map(unexpected));
    const different = differences(wanted, raised[at] as Raised);
    if (different.length > 0) wrong.push(`"${wanted.rule}" was raised, but:`, ...different);
    next = at + 1;
  }
  wrong.push(...raised.slice(next).map(unexpected));
  const names = [...new Set(missing)];
  return {
    wrong: [...names.map((name) => `"${name}" was not raised${times(name, missing)}`), ...wrong],
    missing: names,
  };
}

/** The next that is as expected; else the next of the rule, whose fields differ. */
function findNext(wanted: AlertExpectation, raised: readonly Raised[], from: number): number {
  const whole = raised.findIndex((alert, index) => index >= from && differences(wanted, alert).length === 0);
  if (whole >= 0) return whole;
  return raised.findIndex(({ type }, index) => index >= from && type === wanted.rule);
}

function times(name: string, missing: readonly string[]): string {
  const count = missing.filter((each) => each === name).length;
  return count > 1 ? ` (${count} times)` : '';
}

function unexpected(alert: Raised): string {
  return `not expected: ${shown(alert)}`;
}
