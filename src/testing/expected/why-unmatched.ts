/** Why a rule did not fire on events that a test gives. */

import type { Rule } from '../../rules/index.ts';
import type { MadeEvent } from '../given-events.ts';
import { whyNot } from './decided.ts';

/** Of the events that do not satisfy a rule the nearest, and what decides, a line each; nothing when all satisfy it. */
export function whyUnmatched(rule: Rule, events: readonly MadeEvent[]): readonly string[] {
  const own = events.filter(({ event }) => event.source === rule.source);
  const [first] = own;
  if (first === undefined) return [`"${rule.name}" looks at ${rule.source} events; the test has none`];
  const matches = rule.condition.bind(first.form);
  const others = own.filter(({ event, form }) => form === first.form && !matches(event)).map(({ event }) => event);
  return others.length === 0 ? [] : whyNot(rule, others, [], first.form);
}
