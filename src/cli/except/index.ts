/** `falco-pipe rules except`: from false alarms to the exceptions that end them. */

import { counted } from '../../core/counted.ts';
import { suggest, type UserError } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { Catalogue } from '../../events/field.ts';
import { complain } from '../fail.ts';
import { print, type RulesOptions, usage } from '../rules/rules.ts';
import { findRule, type LoadedRules, loadFrom } from '../rules/rules-files.ts';
import { say } from '../say.ts';
import { readAlerts } from './alerts.ts';
import { othersOf } from './blocks.ts';
import { type Cases, casesOf } from './cases.ts';
import { type Counts, countsOf, countsText } from './counts.ts';
import { fewerRows } from './fewer.ts';
import type { LeftOut } from './left.ts';
import { type Plan, planFor } from './plan.ts';
import { type Proven, proven } from './proof.ts';
import { warnings } from './warnings.ts';
import { countOf, exceptionsYaml, linesOf, type RuleBlocks, rowsIn } from './yaml.ts';

export interface ExceptOptions extends RulesOptions {
  /** Fields, separated by commas. */
  readonly by?: string;
  readonly events?: string;
  /** Names of rules. */
  readonly rule?: readonly string[];
  /** Rows of a rule, at most. */
  readonly rows: string;
}

/** To judge so many alerts takes its time. */
const MANY = 10_000;

/** The exceptions of a rule, with what is said of them. */
interface Ended extends RuleBlocks {
  readonly hidden: number;
  readonly counts?: Counts;
}

/** Prints a rules file that makes the rules of alerts not fire for them, and for as little else as their fields can say. */
export async function except(path: string, paths: readonly string[], options: ExceptOptions): Promise<void> {
  if (path === '-' && options.events === '-') usage('The standard input can be the alerts or the events, not both');
  const most = mostRows(options.rows);
  const loads = await loadFrom(paths);
  const by = options.by === undefined ? undefined : namedFields(options.by, loads);
  const only = options.rule ?? [];
  for (const name of only) findRule(name, loads);
  const given = await casesOf(readAlerts(path), loads, { by: by ?? [], rules: only });
  if (given.count >= MANY) complain(muchText(path, given));
  const plans = given.cases.map((each) => planFor(each, by, most));
  const silent = plans.reduce((sum, each) => sum + each.silent, 0);
  if (silent === 0 && plans.every(({ blocks }) => blocks.length === 0)) throw nothing(path, given, plans);
  const groups = [...Map.groupBy(plans, (each) => each.case.load)];
  const done = (await Promise.all(groups.map(([load, mine]) => proven(load, mine)))).flat();
  for (const { event, key, why } of done.flatMap(({ open }) => open)) given.left.add(event.lines, key, why);
  const counts = options.events === undefined ? undefined : await countsOf(done, options.events);
  const ended = done.map((each) => endedBy(each, counts?.get(each), options)).toSorted((a, b) => b.hidden - a.hidden);
  const text = exceptionsYaml(headOf(path, given, ended, silent), ended);
  if (options.output === 'json') print({ exceptions: text, ...asJson(given, ended, silent) });
  else say(text);
  const { left, unread } = given;
  if (left.count + unread.count > 0) complain(`${lacksText(left, unread)}: the output says why`);
}

function muchText(path: string, { cases, count }: Cases): string {
  const unlike = cases.reduce((sum, { events }) => sum + events.length, 0);
  return `${path} has ${count} alerts of ${counted(cases.length, 'rule')}; ${unlike} of them differ, and are judged without and with exceptions`;
}

/** Why no alert gets an exception. */
function nothing(path: string, { count, left, unread }: Cases, plans: readonly Plan[]): UserError {
  if (count === 0) return unread.error(path, `There is no alert in ${path}`);
  for (const { event, key, why } of plans.flatMap(({ open }) => open)) left.add(event.lines, key, why);
  return left.error(path, `There is no exception for ${counted(count, 'alert')} of ${path}, and none was written`);
}

function endedBy(each: Proven, counts: Counts | undefined, { by, events = '' }: ExceptOptions): Ended {
  const { plan, open } = each;
  const { rule, count } = plan.case;
  const hidden = count - plan.silent - open.reduce((sum, { event }) => sum + event.lines.length, 0);
  const fewer = fewerRows(plan.rows);
  const notes = [
    ...(hidden > 0 ? [`Hides ${hidden} of ${counted(count, 'alert')}.`] : []),
    ...warnings(plan.blocks, rule),
    ...(rule.enabled ? [] : ['The rule is disabled here: it raises no alert anyway.']),
    ...plan.whySilent,
    ...(by === undefined ? othersOf(plan.blocks, rule) : []),
    ...(fewer === undefined ? [] : [fewer]),
    ...(counts ? [countsText(counts, events)] : []),
  ];
  return { rule: rule.name, blocks: plan.blocks, notes, hidden, ...(counts ? { counts } : {}) };
}

/** What is said of all: how many alerts are ended, and of the others why they are not. */
function headOf(
  path: string,
  { count, left, unread }: Cases,
  ended: readonly Ended[],
  silent: number,
): readonly string[] {
  const hidden = ended.reduce((sum, each) => sum + each.hidden, 0);
  const rows = rowsIn(ended);
  const parts = [
    `${counted(rows, 'row')} ${rows === 1 ? 'hides' : 'hide'} ${hidden} of them`,
    ...(silent > 0 ? [`${silent} would not be raised by these rules anyway`] : []),
    ...(left.count > 0 ? [`${left.count} ${left.count === 1 ? 'remains' : 'remain'}`] : []),
  ];
  return [
    `For ${counted(count, 'alert')} of ${path}: load this file after those of the rules.`,
    ...(count > 1 ? [`${parts.join(', ')}.`] : []),
    ...left.texts((some) => `${counted(some, 'alert')} ${some === 1 ? 'gets' : 'get'} no exception`),
    ...unread.texts((some) => `${counted(some, 'line')} without an alert`),
  ];
}

function lacksText(left: LeftOut, unread: LeftOut): string {
  const parts = [
    ...(left.count > 0 ? [`${counted(left.count, 'alert')} without an exception`] : []),
    ...(unread.count > 0 ? [`${counted(unread.count, 'line')} without an alert`] : []),
  ];
  return parts.join(', ');
}

function asJson({ count, left, unread }: Cases, ended: readonly Ended[], silent: number): object {
  const hidden = ended.reduce((sum, each) => sum + each.hidden, 0);
  const alerts = { given: count, hidden, silent, left: left.count };
  return { alerts, left: left.reasons, unread: unread.reasons, rules: ended.map(ruleJson) };
}

function ruleJson({ rule, notes, blocks, hidden, counts }: Ended): object {
  const exceptions = blocks.map(({ name, fields, isNew, rows }) => ({
    name,
    new: isNew,
    fields,
    values: [...rows.values()].map((row) => ({ constants: row.constants, alerts: countOf(row), lines: linesOf(row) })),
  }));
  return { rule, hidden, exceptions, notes, ...(counts ? { events: counts } : {}) };
}

function mostRows(given: string): number {
  const most = /^\d{1,6}$/.test(given) ? Number(given) : 0;
  return most > 0 ? most : usage(`--rows ${given}: it is a number from 1`);
}

/** The fields that the user names, as they are written. @throws UserError (exit 2) for one that no rule's events have */
function namedFields(by: string, loads: readonly LoadedRules[]): readonly string[] {
  const sources = [...new Set(loads.flatMap(({ result }) => result.rules.map(({ source }) => source)))];
  const all = sources.map((source) => catalogues.get(source) as Catalogue);
  const names = by.split(',').map((name) => name.trim());
  return [...new Set(names.map((name) => fieldOf(name, all)))];
}

function fieldOf(name: string, all: readonly Catalogue[]): string {
  for (const catalogue of all) {
    const ref = catalogue.find(name);
    if (ref !== undefined) return ref.text;
  }
  const fields = all.flatMap((catalogue) => catalogue.fields.map((field) => field.name));
  const near = suggest(name, fields);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return usage(`--by: there is no field "${name}" of ${all.map(({ source }) => source).join(', ')} events${hint}`);
}
