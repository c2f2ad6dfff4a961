/** Whether alerts are exactly those that a test lists, in their order. */

import { START } from '../given-events.ts';
import { differences, type Sighting, shown } from './judge.ts';
import type { AlertExpectation } from './shapes.ts';

/** An alert, or another event, of a list. */
export interface Listed extends AlertExpectation {
  /** When it comes, in ms since the start of the test. */
  readonly at?: number | undefined;
}

export interface Comparison {
  /** What is wrong, a line each: nothing when all is as expected. */
  readonly wrong: readonly string[];
  /** The rules of expected alerts that did not come. */
  readonly missing: readonly string[];
}

/** Compares one after the other: what comes out of order is both missing and not expected. */
export function exactly(expected: readonly Listed[], seen: readonly Sighting[]): Comparison {
  const wrong: string[] = [];
  const missing: string[] = [];
  let next = 0;
  for (const wanted of expected) {
    const at = findNext(wanted, seen, next);
    if (at < 0) {
      missing.push(wanted.rule ?? 'any event');
      continue;
    }
    for (const each of seen.slice(next, at)) wrong.push(unexpected(each));
    const different = differ(wanted, seen[at] as Sighting);
    if (different.length > 0) wrong.push(`"${wanted.rule}" came, but:`, ...different);
    next = at + 1;
  }
  for (const each of seen.slice(next)) wrong.push(unexpected(each));
  const names = [...new Set(missing)];
  return { wrong: [...names.map((name) => `"${name}" did not come${times(name, missing)}`), ...wrong], missing: names };
}

/** The next that is as expected; else the next of the rule, whose fields differ. */
function findNext(wanted: Listed, seen: readonly Sighting[], from: number): number {
  const whole = seen.findIndex((each, index) => index >= from && differ(wanted, each).length === 0);
  if (whole >= 0) return whole;
  const isOfRule = (type: string) => wanted.rule === undefined || wanted.rule === type;
  return seen.findIndex(({ alert }, index) => index >= from && isOfRule(alert.type));
}

function differ({ at: due, ...wanted }: Listed, { alert, at }: Sighting): readonly string[] {
  const late = at - START;
  const wrongTime = due === undefined || due === late ? [] : [`at: expected ${due} ms, got ${late} ms`];
  return [...differences(wanted, alert), ...wrongTime];
}

function times(name: string, missing: readonly string[]): string {
  const count = missing.filter((each) => each === name).length;
  return count > 1 ? ` (${count} times)` : '';
}

function unexpected({ alert }: Sighting): string {
  return `not expected: ${shown(alert)}`;
}
