/** A rule explained for people: the tree of its condition, what it needs, and with an event what became of each part. */

import { placeText } from '../../core/errors.ts';
import type { Value } from '../../events/field.ts';
import type { EventRecord } from '../../events/record.ts';
import {
  type ExplainedNode,
  type ExplainedPart,
  type ExplainedVerdict,
  explainRule,
  type JudgedNode,
  printValue,
  type Rule,
} from '../../rules/index.ts';
import { clausesText, needsOf, saysNothing } from './explain-needs.ts';
import type { LoadedRules } from './rules-files.ts';
import { head, indented, list, shorten } from './rules-text.ts';

/** Where the places of parts begin. */
const COLUMN = 72;

/** Where each part of the condition comes from, and what the rule needs. */
export function explanationText(rule: Rule, { feeds, operator }: LoadedRules): string {
  const { condition } = explainRule(rule);
  const { eventTypes, conditionFields, outputFields, pushdown, refreshed } = needsOf(rule, feeds);
  const ids = list(feeds.map(({ id }) => id));
  const lines = [head(rule), '', 'Condition', ...treeLines(condition).map((line) => `  ${line}`), ''];
  lines.push('Event types', ...(eventTypes === 'all' ? ['  all'] : wants(eventTypes, 'emitted')));
  lines.push('Fields of the condition', ...wants(conditionFields, 'filled'));
  lines.push('Fields of the output', ...wants(outputFields, 'filled'));
  if (pushdown.size > 0) lines.push('What the kernel can test before anything is copied', ...pushdownLines(pushdown));
  if (pushdown.size > 0 && refreshed.length > 0)
    lines.push('Lists that are read again: what it tests is by what they hold now', indented(list(refreshed)));
  if (operator !== undefined) lines.push('', `As the operator ${operator} has it, which ${ids} feeds.`);
  return `${lines.join('\n')}\n`;
}

/** Names by who has them, those that nobody has last. */
function wants(names: ReadonlyMap<string, readonly string[]>, done: 'emitted' | 'filled'): readonly string[] {
  if (names.size === 0) return ['  none'];
  const groups = Map.groupBy(names, ([, ids]) => ids.join(', '));
  const sorted = [...groups].sort(([a], [b]) => Number(a === '') - Number(b === ''));
  return sorted.map(([ids, group]) => {
    const by = ids === '' ? `not ${done} by any source here` : `${done} by ${ids}`;
    return indented(`${by}: ${list(group.map(([name]) => name))}`);
  });
}

function pushdownLines(pushdown: ReturnType<typeof needsOf>['pushdown']): readonly string[] {
  const byText = Map.groupBy(pushdown, ([, clauses]) => {
    if (clauses.length === 0) return 'nothing passes';
    return clauses.some(saysNothing) ? 'nothing can be told' : clausesText(clauses);
  });
  return [...byText].map(([text, group]) => indented(`${list(group.map(([type]) => type))}: ${text}`));
}

/** The verdict on an event, and how it came about. */
export function verdictText(
  rule: Rule,
  event: EventRecord,
  { verdict, file }: { readonly verdict: ExplainedVerdict; readonly file: string },
): string {
  const does = verdict.matches ? 'matches' : 'does not match';
  const off = rule.enabled ? '' : ' The rule is disabled, so it raises no alert whatever it matches.';
  const lines = [
    head(rule),
    '',
    `It ${does} the ${event.type} of ${file}.${off} What decides is marked by >.`,
    ...(hasAbsent(verdict.condition) ? ['absent: the event has no such value, or nobody recorded it.'] : []),
    '',
    ...judgedLines(verdict.condition),
  ];
  return `${lines.join('\n')}\n`;
}

function hasAbsent({ mark, items }: JudgedNode): boolean {
  return mark === 'absent' || items.some(hasAbsent);
}

function treeLines(node: ExplainedNode, indent = ''): readonly string[] {
  if (node.kind === 'not' && node.items[0] !== undefined) return prefixed(treeLines(node.items[0], indent), indent);
  return [located(`${indent}${label(node)}`, node), ...node.items.flatMap((item) => treeLines(item, `${indent}  `))];
}

/** `not` stands in the line of what it negates. */
function prefixed([first = '', ...rest]: readonly string[], indent: string): readonly string[] {
  const [before, place] = first.split(GAP);
  return [aligned(`${indent}not ${before?.slice(indent.length).trimEnd()}`, place), ...rest];
}

const GAP = '   at ';

function label({ kind, text = '' }: ExplainedPart): string {
  return kind === 'macro' ? `macro ${text}` : kind === 'check' ? shorten(text, 110) : kind;
}

function located(text: string, { place, via = [] }: ExplainedPart): string {
  const ways = via.map((way) => `, ${way}`).join('');
  return aligned(text, place === undefined ? undefined : `${placeText(place)}${ways}`);
}

function aligned(text: string, place: string | undefined): string {
  return place === undefined ? text : `${text.padEnd(COLUMN)}${GAP}${place}`;
}

function judgedLines(node: JudgedNode, indent = ''): readonly string[] {
  const { mark, decides, values = {}, items } = node;
  const start = `${decides ? '>' : ' '} ${mark.padEnd(6)}  ${indent}`;
  const read = Object.entries(values).map(([name, value]) => `${name} is ${valueText(value)}`);
  const lines = [located(`${start}${label(node)}`, node)];
  if (read.length > 0) lines.push(`${' '.repeat(start.length)}  ${read.join('; ')}`);
  return [...lines, ...items.flatMap((item) => judgedLines(item, `${indent}  `))];
}

function valueText(value: Value | null): string {
  if (value === null) return 'absent';
  return shorten(typeof value === 'string' ? JSON.stringify(value) : printValue(value), 160);
}
