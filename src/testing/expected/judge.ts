/** Whether the alerts of a test are those that it expects; where not, what differs. */

import type { Alert } from '../../events/alert.ts';
import type { Value } from '../../events/field.ts';
import { printValue } from '../../rules/index.ts';
import type { AlertExpectation, FieldExpectation, Outcome } from './shapes.ts';

/** What is looked at of an alert; of any other event its type and fields stand for the rule and the output fields. */
export type Raised = Pick<Alert, 'type' | 'time' | 'fields' | 'outputFields'>;

/** Something that was raised, and when it was here (ms since the epoch). */
export interface Sighting {
  readonly alert: Raised;
  readonly at: number;
}

/** What is wrong, a line each: nothing when all is as expected. */
export function judge(rule: string, expected: Outcome, seen: readonly Sighting[]): readonly string[] {
  const wanted: AlertExpectation = { ...expected, rule };
  const matching = seen.filter(({ alert }) => differences(wanted, alert).length === 0);
  const { none, count, within, sequence, only } = expected;
  const wrong: string[] = [];
  if (none) {
    for (const { alert } of matching) wrong.push(`not expected: ${shown(alert)}`);
  } else if (count !== undefined) {
    if (!isCount(count, matching.length))
      wrong.push(`expected ${countText(count)}, ${matching.length} came`, ...nearest(wanted, seen));
  } else if (sequence === undefined && matching.length === 0) {
    wrong.push(...nearest(wanted, seen));
  }
  if (within !== undefined && matching.length > 0) {
    const fastest = matching.reduce(
      (least, { alert, at }) => Math.min(least, at - Number(alert.time / 1_000_000n)),
      Number.POSITIVE_INFINITY,
    );
    if (fastest > within) wrong.push(`the alert came after ${Math.round(fastest)} ms, expected within ${within} ms`);
  }
  const inOrder = sequence === undefined ? [] : sequence.map((each) => ({ ...each, rule: each.rule ?? rule }));
  wrong.push(...outOfOrder(inOrder, seen));
  if (only) {
    const isExpected = (alert: Raised) =>
      [...(none || (sequence && count === undefined) ? [] : [wanted]), ...inOrder].some(
        (each) => differences(each, alert).length === 0,
      );
    for (const { alert } of seen) if (!isExpected(alert)) wrong.push(`nothing else was expected: ${shown(alert)}`);
  }
  return [...new Set(wrong)];
}

/** Whether a test says that an alert comes: then steps that failed do not matter, once it has come. */
export function expectsAlert({ none, count, sequence }: Outcome): boolean {
  return !none && (sequence !== undefined || !isCount(count ?? 1, 0));
}

/** Whether a test says that something does not come, which only holds when everything was seen. */
export function expectsAbsence({ none, count, only }: Outcome): boolean {
  return none === true || only === true || count !== undefined;
}

/** The first of a sequence that does not come after those before it. */
function outOfOrder(sequence: readonly AlertExpectation[], seen: readonly Sighting[]): readonly string[] {
  let from = 0;
  for (const [index, expected] of sequence.entries()) {
    const found = seen.findIndex(({ alert }, at) => at >= from && differences(expected, alert).length === 0);
    if (found < 0) {
      const place = index === 0 ? 'of the sequence' : `of the sequence, after ${index} that came`;
      return [`alert ${index + 1} ${place}: ${nearest(expected, seen.slice(from)).join('; ')}`];
    }
    from = found + 1;
  }
  return [];
}

/** Of the alerts of the rule the one that differs least, and how; or what came instead. */
function nearest(expected: AlertExpectation, seen: readonly Sighting[]): readonly string[] {
  const own = seen.filter(({ alert }) => alert.type === expected.rule);
  const [best] = own.map(({ alert }) => differences(expected, alert)).sort((a, b) => a.length - b.length);
  if (best !== undefined) return best.length === 0 ? [] : [`"${expected.rule}" was raised, but:`, ...best];
  const others = [...new Set(seen.map(({ alert }) => `"${alert.type}"`))];
  const instead = others.length === 0 ? '' : `; raised were ${others.join(', ')}`;
  return [`"${expected.rule}" was not raised${instead}`];
}

/** The fields of an alert that are not as expected. */
export function differences(expected: AlertExpectation, alert: Raised): readonly string[] {
  const { rule, source, hostname, priority, outputFields } = expected;
  const found: string[] = [];
  const same = (name: string, wanted: string | undefined, got: Value | null | undefined) => {
    if (wanted !== undefined && wanted !== got) found.push(difference(name, JSON.stringify(wanted), got));
  };
  same('rule', rule, alert.type);
  same('source', source, alert.fields.source);
  same('hostname', hostname, alert.fields.hostname);
  same('priority', priority, alert.fields.priority);
  for (const [name, wanted] of Object.entries(outputFields ?? {})) {
    const got = alert.outputFields[name];
    if (!isAsExpected(wanted, got)) found.push(difference(name, expectationText(wanted), got));
  }
  return found;
}

function difference(name: string, wanted: string, got: Value | null | undefined): string {
  const value = got === null || got === undefined ? 'absent' : JSON.stringify(printValue(got));
  return `${name}: expected ${wanted}, got ${value}`;
}

/** Values are compared as text; what is absent is like nothing. */
function isAsExpected(wanted: FieldExpectation, got: Value | null | undefined): boolean {
  if (got === null || got === undefined) return false;
  const text = printValue(got);
  if (typeof wanted === 'string') return text === wanted;
  if ('regex' in wanted) return wanted.regex.test(text);
  if ('contains' in wanted) return text.includes(wanted.contains);
  if ('startswith' in wanted) return text.startsWith(wanted.startswith);
  return wanted.in.includes(text);
}

function expectationText(wanted: FieldExpectation): string {
  if (typeof wanted === 'string') return JSON.stringify(wanted);
  if ('regex' in wanted) return `what matches ${wanted.regex.source.replaceAll('\\/', '/')}`;
  const [[word, value] = ['', '']] = Object.entries(wanted);
  return `${word} ${JSON.stringify(value)}`;
}

function isCount(count: NonNullable<Outcome['count']>, number: number): boolean {
  if (typeof count === 'number') return number === count;
  return number >= (count.gte ?? 0) && number <= (count.lte ?? Number.POSITIVE_INFINITY);
}

function countText(count: NonNullable<Outcome['count']>): string {
  if (typeof count === 'number') return `${count} alerts`;
  const bounds = [
    count.gte === undefined ? '' : `at least ${count.gte}`,
    count.lte === undefined ? '' : `at most ${count.lte}`,
  ];
  return `${bounds.filter(Boolean).join(' and ')} alerts`;
}

/** An alert in a line. */
export function shown(alert: Raised): string {
  return `"${alert.type}": ${alert.fields.output}`;
}
