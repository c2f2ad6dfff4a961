/** Why a rule did not fire: of the events of a test the one that came nearest, and the parts of the condition that decided. */

import { placeText } from '../../core/errors.ts';
import type { Event, Form } from '../../events/field.ts';
import { recordForm } from '../../events/record.ts';
import { type ExplainedVerdict, explainVerdict, type JudgedNode, printValue, type Rule } from '../../rules/index.ts';

/** Checks that are shown at most. */
const SHOWN = 6;

/**
 * Lines for people. The events are those of the test, of one form, with what the rule reads; the warnings say what keeps the
 * rule from firing at all.
 */
export function whyNot(
  rule: Rule,
  events: readonly Event[],
  warnings: readonly string[],
  form: Form = recordForm as Form,
): readonly string[] {
  const { eventTypes } = rule.condition;
  const looked = events.filter(({ type }) => eventTypes === 'all' || eventTypes.has(type));
  if (looked.length === 0 && warnings.length > 0) return warnings;
  if (looked.length === 0) {
    const types = eventTypes === 'all' ? 'any event' : [...eventTypes].sort().join(', ');
    return [`the rule looks at ${types}; the test made none of these`];
  }
  const judged = looked.map((event) => ({ event, verdict: explainVerdict(rule, event, form) }));
  const misses = judged.filter(({ verdict }) => !verdict.matches);
  const nearest = misses.sort((a, b) => distance(a.verdict) - distance(b.verdict))[0];
  if (misses.length < judged.length || nearest === undefined)
    return ['the condition holds when the test runs again: it does not always do the same'];
  const checks = deciding(nearest.verdict.condition);
  const more = checks.length > SHOWN ? [`and ${checks.length - SHOWN} more`] : [];
  const process = nearest.event.get('proc.name');
  const by = process === undefined ? '' : ` by ${process}`;
  return [
    `nearest of ${looked.length} events is the ${nearest.event.type}${by}; what decides:`,
    ...checks.slice(0, SHOWN).map((check) => `  ${checkText(check)}`),
    ...more,
  ];
}

/** The checks that made the condition false: were they otherwise, it could be true. */
function deciding({ items, ...node }: JudgedNode): readonly JudgedNode[] {
  if (!node.decides) return [];
  return items.length === 0 ? [{ ...node, items }] : items.flatMap(deciding);
}

/** How much would have to be otherwise: of an `and` all that is false, of an `or` what is nearest. */
function distance({ condition }: ExplainedVerdict): number {
  return toBe(condition, true);
}

function toBe(node: JudgedNode, wanted: boolean): number {
  if ((node.mark === 'true') === wanted) return 0;
  const { kind, items } = node;
  if (items.length === 0) return 1;
  if (kind === 'not') return items.reduce((sum, item) => sum + toBe(item, !wanted), 0);
  const costs = items.map((item) => toBe(item, wanted));
  const isEvery = kind === 'and' ? wanted : kind === 'or' ? !wanted : true;
  return isEvery ? costs.reduce((sum, cost) => sum + cost, 0) : Math.min(...costs);
}

function checkText({ text = '', mark, values = {}, place }: JudgedNode): string {
  const read = Object.entries(values).map(
    ([name, value]) => `${name} is ${value === null ? 'absent' : JSON.stringify(shorten(printValue(value)))}`,
  );
  const short = shorten(text.replaceAll(/\s+/g, ' '));
  const at = place === undefined ? '' : ` (${placeText(place)})`;
  return `${short} is ${mark === 'true' ? 'true' : 'false'}: ${read.join(', ')}${at}`;
}

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
