/** `falco-pipe rules`: what rules there are, what each consists of, and why it does or does not match an event. */

import { type Diagnostic, exitCode, type Place, suggest, UserError } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import { exactJson } from '../../events/exact-json.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { describeRule, describeRules, explainVerdict, type Rule } from '../../rules/index.ts';
import { readEvents } from '../event-file.ts';
import { warn } from '../fail.ts';
import { table } from '../list.ts';
import { say } from '../say.ts';
import { explanationJson } from './explain-json.ts';
import { explanationText, verdictText } from './explain-text.ts';
import { findRuleOrAlert } from './rule-of-alert.ts';
import { loadFrom } from './rules-files.ts';
import { ruleText } from './rules-text.ts';

export interface RulesOptions {
  readonly output: string;
}

export interface ExplainOptions extends RulesOptions {
  readonly event?: string;
  readonly eventLine?: string;
}

/** Prints a table of all rules, or `falco_describe_results` of everything. */
export async function listRules(paths: readonly string[], { output }: RulesOptions): Promise<void> {
  const loads = await loadFrom(paths);
  if (output === 'json') {
    for (const { result } of loads) print({ falco_describe_results: describeRules(result) });
    return;
  }
  const rows = loads.flatMap(({ operator, result }) =>
    result.rules.map(({ name, priority, source, enabled, tags }) => ({
      ...(loads.length > 1 ? { operator } : {}),
      name,
      priority,
      source,
      state: enabled ? 'enabled' : 'disabled',
      tags: tags.join(', '),
    })),
  );
  say(rows.length === 0 ? 'There are no rules here.\n' : table(rows));
}

/** Prints what a rule consists of. */
export async function showRule(name: string, paths: readonly string[], { output }: RulesOptions): Promise<void> {
  const { rule, load } = findRuleOrAlert(name, await loadFrom(paths));
  const described = describeRule(rule, load.result);
  if (output === 'json') print({ falco_describe_results: { rules: [described] } });
  else say(ruleText(rule, described));
}

/** Prints where each part of a rule comes from and what it needs; with an event, why it does or does not match. */
export async function explain(name: string, paths: readonly string[], options: ExplainOptions): Promise<void> {
  if (options.eventLine !== undefined && options.event === undefined) usage('--event-line goes with --event FILE');
  const { rule, load } = findRuleOrAlert(name, await loadFrom(paths));
  if (options.event === undefined) {
    if (options.output === 'json') {
      const described = { rules: [describeRule(rule, load.result)] };
      print({ falco_describe_results: described, explanation: explanationJson(rule, load.feeds) });
    } else {
      say(explanationText(rule, load));
    }
    return;
  }
  const events = await readEvents(options.event);
  const line = lineOf(options, events);
  if (line === undefined) printOverview(rule, events, options);
  else explainEvent(rule, events.get(line) as EventRecord, line, options);
}

function explainEvent(rule: Rule, event: EventRecord, line: number, { output, event: file }: ExplainOptions): void {
  if (event.source !== rule.source) {
    const why = `the event is of the source ${event.source}, and the rule judges ${rule.source} events only`;
    if (output === 'json') print({ rule: rule.name, file, line, matches: false, why });
    else say(`Rule "${rule.name}" does not match ${file}:${line}: ${why}.\n`);
    return;
  }
  warn(unknownFields(event, { file: file ?? '', line, column: 1 }), []);
  const verdict = explainVerdict(rule, event, recordForm);
  if (output === 'json') print({ rule: rule.name, file, line, enabled: rule.enabled, ...verdict });
  else say(verdictText(rule, event, { verdict, file: `${file}:${line}` }));
}

/** Fields that such events do not have: no rule reads them. */
function unknownFields({ source, fields }: EventRecord, at: Place): Diagnostic[] {
  const catalogue = catalogues.get(source);
  if (catalogue === undefined) return [];
  return Object.keys(fields).flatMap((name) => {
    if (catalogue.find(name)) return [];
    const near = suggest(
      name,
      catalogue.fields.map((field) => field.name),
    );
    const message = `unknown field ${name} (event source ${source})`;
    const hint = near ? { hint: `Did you mean ${near}?` } : {};
    return { severity: 'warning', code: 'EVENT_UNKNOWN_FIELD', message, at, ...hint };
  });
}

/** Of many events: which match. */
function printOverview(rule: Rule, events: ReadonlyMap<number, EventRecord>, { output, event }: ExplainOptions): void {
  const matches = [...events]
    .filter(([, each]) => each.source === rule.source && explainVerdict(rule, each, recordForm).matches)
    .map(([line]) => line);
  if (output === 'json') {
    print({ rule: rule.name, file: event, events: events.size, matches });
    return;
  }
  const found = matches.length === 0 ? 'none matches' : `${matches.length} match: ${matches.join(', ')}`;
  say(`Of ${events.size} events in ${event} ${found}.\nExplain one with --event-line N.\n`);
}

/** The line that is meant; undefined when there are several to choose from. */
function lineOf({ eventLine, event }: ExplainOptions, events: ReadonlyMap<number, EventRecord>): number | undefined {
  if (eventLine === undefined) return events.size === 1 ? [...events.keys()][0] : undefined;
  const line = /^\d+$/.test(eventLine) ? Number(eventLine) : Number.NaN;
  if (!events.has(line)) usage(`--event-line ${eventLine}: ${event} has no event there; its lines count from 1`);
  return line;
}

export function usage(message: string): never {
  throw new UserError(message, { exit: exitCode.usage });
}

/** JSON in one line; integers exact. */
export function print(value: unknown): void {
  say(`${JSON.stringify(value, (_key, each) => exactJson(each))}\n`);
}
