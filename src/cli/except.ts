/** `falco-pipe rules except`: from false alarms to the exceptions that end them. */

import { counted } from '../core/counted.ts';
import { type Diagnostic, exitCode, placeText, suggest, UserError } from '../core/errors.ts';
import { catalogues } from '../events/catalogue.ts';
import type { Catalogue } from '../events/field.ts';
import type { Refutation, Rule } from '../rules/index.ts';
import { readEvents } from './event-file.ts';
import { type GivenAlerts, readAlerts } from './except-alerts.ts';
import { blockFor, ownFields, widerOnes } from './except-blocks.ts';
import { type Counts, countsOf, countsText } from './except-counts.ts';
import { breadth, chooseFields, fleeting, missingFields } from './except-fields.ts';
import { Judged, SeenEvent } from './except-seen.ts';
import { type Block, exceptionsYaml, linesText, type RuleBlocks } from './except-yaml.ts';
import { print, type RulesOptions, usage } from './rules.ts';
import { type LoadedRules, loadFrom, noSuchRule, rulesError } from './rules-files.ts';
import { say } from './say.ts';

export interface ExceptOptions extends RulesOptions {
  /** Fields, separated by commas. */
  readonly by?: string;
  readonly events?: string;
}

/** A rule, and the alerts of it that shall not come again. */
interface Case {
  readonly rule: Rule;
  readonly load: LoadedRules;
  readonly events: SeenEvent[];
}

/** What ends the alerts of a case. */
interface Ended extends RuleBlocks {
  readonly case: Case;
  /** Events for which there are values. */
  readonly hidden: readonly SeenEvent[];
  readonly counts?: Counts;
}

/** Prints a rules file that makes the rules of alerts not fire for them, and for as little else as their fields can say. */
export async function except(path: string, paths: readonly string[], options: ExceptOptions): Promise<void> {
  if (path === '-' && options.events === '-') usage('The standard input can be the alerts or the events, not both');
  const loads = await loadFrom(paths);
  const given = await readAlerts(path);
  const cases = casesOf(path, given, loads);
  const refuse = refusal(path, given);
  const made = cases.map((each) => exceptionsOf(each, options, refuse));
  refuse.throwAny();
  const after = await proven(made);
  const events = options.events === undefined ? undefined : await readEvents(options.events);
  const ended = made.map((each) => {
    const counts = events && countsOf(each.case.rule, after.get(each) ?? each.case.rule, events);
    return counts ? { ...each, counts, notes: [...each.notes, countsText(counts, options.events ?? '')] } : each;
  });
  const head = `For ${counted(given.alerts.length, 'alert')} of ${path}: load this file after those of the rules.`;
  const text = exceptionsYaml(head, ended);
  if (options.output === 'json') print({ exceptions: text, rules: ended.map(asJson) });
  else say(text);
}

function asJson({ rule, notes, blocks, counts }: Ended): object {
  const exceptions = blocks.map(({ name, fields, isNew, rows }) => ({
    name,
    new: isNew,
    fields,
    values: [...rows.values()],
  }));
  return { rule, exceptions, notes, ...(counts ? { events: counts } : {}) };
}

/** The alerts by their rules. @throws UserError (exit 78) for alerts of rules that are not there */
function casesOf(path: string, given: GivenAlerts, loads: readonly LoadedRules[]): readonly Case[] {
  const cases = new Map<string, Case>();
  const refuse = refusal(path, given);
  for (const each of given.alerts) {
    const { rule: name, source } = each.alert.fields as { rule: string; source: string };
    let found = cases.get(name);
    if (found === undefined) {
      const load = loads.find(({ result }) => result.rules.some((rule) => rule.name === name));
      const rule = load?.result.rules.find((rule) => rule.name === name);
      if (load === undefined || rule === undefined) {
        refuse.add(each.line, whyNoRule(name, source, loads), name);
        continue;
      }
      found = { rule, load, events: [] };
      cases.set(name, found);
    }
    if (source !== '' && source !== found.rule.source) {
      refuse.add(each.line, `The rule is for ${found.rule.source} events, and the alert of ${source}`, source);
      continue;
    }
    const lists = new Set(found.load.result.lists.map((list) => list.name));
    found.events.push(new SeenEvent(each, catalogueOf(found.rule), lists));
  }
  refuse.throwAny();
  return [...cases.values()];
}

function whyNoRule(name: string, source: string, loads: readonly LoadedRules[]): string {
  if (source === 'internal') return 'It is about the program itself: no rule has raised it';
  const idle = loads
    .flatMap(({ result }) => result.definitions.rules.get(name) ?? [])
    .find((each) => each.unknownSource);
  if (idle !== undefined) return `The rule is for ${idle.source} events, which have no source here`;
  return noSuchRule(name, loads);
}

function catalogueOf({ source }: Rule): Catalogue {
  return catalogues.get(source) as Catalogue;
}

/** Collects what is wrong with alerts, to tell all of it. */
function refusal(path: string, { text }: GivenAlerts) {
  const diagnostics: Diagnostic[] = [];
  const add = (line: number, message: string, near = '', hint?: string): void => {
    const quoted = JSON.stringify(near);
    const at = (text.split('\n')[line - 1] ?? '').indexOf(quoted);
    const place = { file: path, line, column: at < 0 ? 1 : at + 1, ...(at < 0 ? {} : { length: quoted.length }) };
    diagnostics.push({ severity: 'error', code: 'ALERT', message, at: place, ...(hint === undefined ? {} : { hint }) });
  };
  const throwAny = (): void => {
    if (diagnostics.length === 0) return;
    const message = `There is no exception for ${counted(diagnostics.length, 'alert')} of ${path}, and none was written`;
    throw new UserError(message, { exit: exitCode.config, diagnostics, texts: [{ name: path, text }] });
  };
  return { add, throwAny };
}

function exceptionsOf(each: Case, options: ExceptOptions, refuse: Pick<ReturnType<typeof refusal>, 'add'>): Ended {
  const { rule } = each;
  const by = options.by === undefined ? undefined : namedFields(options.by, rule);
  const blocks: Block[] = [];
  const hidden: SeenEvent[] = [];
  const rules = new Judged(rule);
  const notRaised = new Map<string, number[]>();
  const notes: string[] = [];
  if (!rule.enabled) notes.push('The rule is disabled here: it raises no alert anyway.');
  for (const event of each.events) {
    const judged = rules.of(event);
    if (!judged.mayMatch(event.record)) {
      const why = refutedText(judged.refutations(event.record)[0] as Refutation);
      notRaised.set(why, [...(notRaised.get(why) ?? []), event.line]);
      continue;
    }
    const lacking = by?.find((field) => event.constant(field) === undefined);
    if (lacking !== undefined) {
      refuse.add(event.line, event.why(lacking), lacking, `There are ${comparable(event).join(', ')}.`);
      continue;
    }
    const fields = by ?? ownFields(event, rule) ?? chooseFields(event, rule.source);
    if (fields.length === 0) {
      refuse.add(
        event.line,
        `The alert of "${rule.name}" shows no field that an exception can go by`,
        rule.name,
        more(event, rule),
      );
      continue;
    }
    const block = blockFor(fields, rule, blocks);
    const constants = block.fields.map((field) => event.constant(field) as string);
    const key = JSON.stringify(constants);
    const row = block.rows.get(key);
    if (row) row.lines.push(event.line);
    else block.rows.set(key, { constants, lines: [event.line] });
    hidden.push(event);
  }
  for (const [why, lines] of notRaised) {
    notes.push(`No alert with these rules, and without an exception: ${linesText(lines)}, failing ${why}.`);
  }
  if (hidden.length > 0) {
    notes.unshift(`Hides ${hidden.length} of ${counted(each.events.length, 'alert')}.`, ...warnings(blocks, each));
    notes.push(...widerOnes(hidden[0] as SeenEvent, rule));
  }
  return { case: each, rule: rule.name, blocks, hidden, notes };
}

/** A part of a condition, and where it is written. */
function refutedText({ text, place, via }: Refutation): string {
  const at = [...(place ? [placeText(place)] : []), ...via].join(', ');
  return `${text.length > 120 ? `${text.slice(0, 120)}…` : text} (${at})`;
}

/** How much the exceptions hide beside the alerts, and whether they will hide those. */
function warnings(blocks: readonly Block[], { rule, events }: Case): readonly string[] {
  const byLine = new Map(events.map((event) => [event.line, event]));
  const found = new Map<string, number[]>();
  const hints = new Set<string>();
  const add = (text: string, lines: readonly number[]) => {
    const all = found.get(text);
    if (all) all.push(...lines);
    else found.set(text, [...lines]);
  };
  for (const { fields, rows } of blocks) {
    for (const { lines } of rows.values()) {
      const event = byLine.get(lines[0] as number) as SeenEvent;
      const broad = breadth(event, fields);
      for (const each of broad) add(`Warning: ${each}`, lines);
      const hint = broad.length > 0 ? more(event, rule) : undefined;
      if (hint !== undefined) hints.add(hint);
      for (const field of fleeting(event, fields)) {
        add(`Perhaps never again is ${field} = ${event.constant(field)}; leave it out with --by`, lines);
      }
    }
  }
  return [...[...found].map(([text, lines]) => `${text} (${linesText(lines)}).`), ...hints];
}

/** What would tell an alert better apart. */
function more(event: SeenEvent, rule: Rule): string | undefined {
  const missing = missingFields(event, rule);
  if (missing.length === 0) return undefined;
  return `Alerts would tell more with append_output: [{ match: { rule: ${JSON.stringify(rule.name)} }, extra_fields: [${missing.join(', ')}] }].`;
}

function comparable(event: SeenEvent): readonly string[] {
  return event.fields.filter((field) => event.constant(field) !== undefined);
}

/** The fields that the user names. @throws UserError (exit 2) for one that is none */
function namedFields(by: string, rule: Rule): readonly string[] {
  const catalogue = catalogueOf(rule);
  const names = by.split(',').map((name) => name.trim());
  return [
    ...new Set(
      names.map((name) => {
        const ref = catalogue.find(name);
        if (ref !== undefined) return ref.text;
        const near = suggest(
          name,
          catalogue.fields.map((field) => field.name),
        );
        const hint = near === undefined ? '' : `; did you mean ${near}?`;
        return usage(`--by: there is no field "${name}" of ${rule.source} events${hint}`);
      }),
    ),
  ];
}

/**
 * The rules with their exceptions, loaded.
 * @throws UserError (exit 70) when exceptions do not hide what they say that they hide
 */
async function proven(made: readonly Ended[]): Promise<ReadonlyMap<Ended, Rule>> {
  const proofs = new Map<Ended, Rule>();
  for (const [load, ended] of Map.groupBy(made, (each) => each.case.load)) {
    const file = { name: 'the exceptions', content: exceptionsYaml('', ended) };
    const { ok, rules, diagnostics } = await load.with(file);
    if (!ok) throw rulesError(diagnostics, [...load.texts, { name: file.name, text: file.content }]);
    for (const each of ended) {
      const rule = rules.find(({ name }) => name === each.rule) as Rule;
      const after = new Judged(rule);
      const missed = each.hidden.filter((event) => after.of(event).mayMatch(event.record)).map(({ line }) => line);
      if (missed.length > 0) {
        const message = `The exceptions of "${each.rule}" do not hide ${linesText(missed)}; nothing was written`;
        throw new UserError(message, { exit: exitCode.software });
      }
      proofs.set(each, rule);
    }
  }
  return proofs;
}
