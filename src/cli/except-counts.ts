/** What exceptions hide among recorded events. */

import { counted } from '../core/counted.ts';
import { UserError } from '../core/errors.ts';
import { type EventRecord, recordForm } from '../events/record.ts';
import { bindRules, type Rule } from '../rules/index.ts';
import { linesText } from './except-yaml.ts';

/** How many events a rule matches without and with its exceptions. */
export interface Counts {
  /** Of the rule's event source. */
  readonly judged: number;
  readonly before: number;
  readonly after: number;
  /** The lines of those that make the difference. */
  readonly hidden: readonly number[];
}

export function countsOf(before: Rule, after: Rule, events: ReadonlyMap<number, EventRecord>): Counts {
  const mine = [...events].filter(([, { source }]) => source === before.source);
  const first = matches(before, mine);
  const second = new Set(matches(after, mine));
  const hidden = first.filter((line) => !second.has(line));
  return { judged: mine.length, before: first.length, after: second.size, hidden };
}

function matches(rule: Rule, events: readonly (readonly [number, EventRecord])[]): readonly number[] {
  const ruleset = bindRules([rule], recordForm, { matching: 'all' });
  const lines: number[] = [];
  for (const [line, event] of events) {
    const failed = (_: Rule, error: unknown) => {
      throw new UserError(`The rule "${rule.name}" cannot judge the event on line ${line}`, { cause: error });
    };
    ruleset.judge(event, () => lines.push(line), failed);
  }
  return lines;
}

export function countsText({ judged, before, after, hidden }: Counts, file: string): string {
  const lines = hidden.length === 0 ? '' : `: hidden ${hidden.length === 1 ? 'is' : 'are'} ${linesText(hidden)}`;
  return `Of ${counted(judged, 'event')} in ${file} the rule matches ${before}, and with this ${after}${lines}.`;
}
