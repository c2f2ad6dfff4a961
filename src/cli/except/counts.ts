/** What exceptions hide among recorded events. */

import { counted } from '../../core/counted.ts';
import { UserError } from '../../core/errors.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { bindRules, type Rule } from '../../rules/index.ts';
import { eventsOf } from '../event-file.ts';
import type { Proven } from './proof.ts';
import { linesText } from './yaml.ts';

/** How many events a rule matches without and with its exceptions. */
export interface Counts {
  /** Of the rule's event source. */
  readonly judged: number;
  readonly before: number;
  readonly after: number;
  /** The lines of those that make the difference. */
  readonly hidden: readonly number[];
}

/** Judges recorded events by rules as they were and with their exceptions. */
export async function countsOf(done: readonly Proven[], path: string): Promise<ReadonlyMap<Proven, Counts>> {
  const each = done.map((proven) => ({
    proven,
    source: proven.rule.source,
    before: matcher(proven.plan.case.rule),
    after: matcher(proven.rule),
    counts: { judged: 0, before: 0, after: 0, hidden: [] as number[] },
  }));
  for await (const [line, event] of eventsOf(path)) {
    for (const { source, before, after, counts } of each) {
      if (event.source !== source) continue;
      counts.judged++;
      if (!before(event, line)) continue;
      counts.before++;
      if (after(event, line)) counts.after++;
      else counts.hidden.push(line);
    }
  }
  return new Map(each.map(({ proven, counts }) => [proven, counts]));
}

function matcher(rule: Rule): (event: EventRecord, line: number) => boolean {
  const ruleset = bindRules([rule], recordForm, { matching: 'all' });
  return (event, line) => {
    let matches = false;
    const failed = (_: Rule, error: unknown) => {
      throw new UserError(`The rule "${rule.name}" cannot judge the event on line ${line}`, { cause: error });
    };
    ruleset.judge(event, () => (matches = true), failed);
    return matches;
  };
}

export function countsText({ judged, before, after, hidden }: Counts, file: string): string {
  const lines = hidden.length === 0 ? '' : `: hidden ${hidden.length === 1 ? 'is' : 'are'} ${linesText(hidden)}`;
  return `Of ${counted(judged, 'event')} in ${file} the rule matches ${before}, and with this ${after}${lines}.`;
}
