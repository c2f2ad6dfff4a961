/** `falco-pipe rules except`: from false alarms to the exceptions that end them. */

import { counted } from '../core/counted.ts';
import { placeText, suggest } from '../core/errors.ts';
import { visibleLine } from '../core/visible.ts';
import { catalogues } from '../events/catalogue.ts';
import type { Catalogue } from '../events/field.ts';
import type { Refutation, Rule } from '../rules/index.ts';
import { readEvents } from './event-file.ts';
import { type GivenAlerts, readAlerts } from './except-alerts.ts';
import { blockFor, fieldsFor, othersOf } from './except-blocks.ts';
import { type Counts, countsOf, countsText } from './except-counts.ts';
import { veiledActor } from './except-fields.ts';
import { proven } from './except-proof.ts';
import { Refused } from './except-refused.ts';
import { Judged, SeenEvent } from './except-seen.ts';
import { more, Remarks, warnings } from './except-warnings.ts';
import { type Block, exceptionsYaml, type RuleBlocks } from './except-yaml.ts';
import { print, type RulesOptions, usage } from './rules.ts';
import { type LoadedRules, loadFrom, noSuchRule } from './rules-files.ts';
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
  readonly counts?: Counts;
}

/** Prints a rules file that makes the rules of alerts not fire for them, and for as little else as their fields can say. */
export async function except(path: string, paths: readonly string[], options: ExceptOptions): Promise<void> {
  if (path === '-' && options.events === '-') usage('The standard input can be the alerts or the events, not both');
  const loads = await loadFrom(paths);
  const given = await readAlerts(path);
  const cases = casesOf(path, given, loads);
  const refused = new Refused(path, given);
  const made = cases.map((each) => exceptionsOf(each, options, refused));
  refused.throwAny();
  const after = new Map<Ended, Rule | undefined>();
  for (const [load, ended] of Map.groupBy(made, (each) => each.case.load)) {
    const rules = await proven(load, ended);
    for (const each of ended) after.set(each, rules.get(each.rule));
  }
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
    values: [...rows.values()].map(({ constants, events }) => ({ constants, lines: events.map(({ line }) => line) })),
  }));
  return { rule, exceptions, notes, ...(counts ? { events: counts } : {}) };
}

/** The alerts by their rules. @throws UserError (exit 78) for alerts of rules that are not there */
function casesOf(path: string, given: GivenAlerts, loads: readonly LoadedRules[]): readonly Case[] {
  const cases = new Map<string, Case>();
  const refused = new Refused(path, given);
  const lists = new Map(loads.map((load) => [load, new Set(load.result.lists.map((list) => list.name))]));
  for (const each of given.alerts) {
    const { rule: name, source } = each.alert.fields as { rule: string; source: string };
    let found = cases.get(name);
    if (found === undefined) {
      const load = loads.find(({ result }) => result.rules.some((rule) => rule.name === name));
      const rule = load?.result.rules.find((rule) => rule.name === name);
      if (load === undefined || rule === undefined) {
        refused.add(each.line, JSON.stringify([name, source]), name, () => ({
          message: whyNoRule(name, source, loads),
        }));
        continue;
      }
      found = { rule, load, events: [] };
      cases.set(name, found);
    }
    if (source !== '' && source !== found.rule.source) {
      const message = `The rule is for ${found.rule.source} events, and the alert of ${visibleLine(source)}`;
      refused.add(each.line, message, source, () => ({ message }));
      continue;
    }
    found.events.push(new SeenEvent(each, catalogueOf(found.rule), lists.get(found.load) as Set<string>));
  }
  refused.throwAny();
  return [...cases.values()];
}

function whyNoRule(name: string, source: string, loads: readonly LoadedRules[]): string {
  if (source === 'internal') return 'It is about the program itself: no rule has raised it';
  const idle = loads
    .flatMap(({ result }) => result.definitions.rules.get(name) ?? [])
    .find((each) => each.unknownSource);
  if (idle !== undefined) return `The rule is for ${idle.source} events, which have no source here`;
  return noSuchRule(visibleLine(name), loads);
}

function catalogueOf({ source }: Rule): Catalogue {
  return catalogues.get(source) as Catalogue;
}

function exceptionsOf(each: Case, options: ExceptOptions, refused: Refused): Ended {
  const { rule } = each;
  const by = options.by === undefined ? undefined : namedFields(options.by, rule);
  const blocks: Block[] = [];
  const rules = new Judged(rule);
  const notRaised = new Remarks();
  const reasons = new Map<string, Refutation>();
  const notes: string[] = [];
  let hidden = 0;
  if (!rule.enabled) notes.push('The rule is disabled here: it raises no alert anyway.');
  for (const event of each.events) {
    const judged = rules.of(event);
    if (!judged.mayMatch(event.record)) {
      const why = judged.refutations(event.record)[0] as Refutation;
      notRaised.add('', why.text, event.line);
      if (!reasons.has(why.text)) reasons.set(why.text, why);
      continue;
    }
    const lacking = by?.find((field) => event.constant(field) === undefined);
    if (lacking !== undefined) {
      const message = event.why(lacking);
      const hint = () => `There are ${comparable(event).join(', ')}.`;
      refused.add(event.line, message, lacking, () => ({ message, hint: hint() }));
      continue;
    }
    const veiled = by ? undefined : veiledActor(event, rule.source);
    if (veiled !== undefined) {
      const message = `${event.why(veiled)}, and nothing else says who does it`;
      const hint = () => `--by takes other fields, and hides much else: ${comparable(event).join(', ')}.`;
      refused.add(event.line, message, veiled, () => ({ message, hint: hint() }));
      continue;
    }
    const fields = by ?? fieldsFor(event, rule);
    if (fields.length === 0) {
      const message = `The alert of "${rule.name}" shows no field that an exception can go by`;
      const hint = more(event, rule);
      refused.add(event.line, `${message} ${hint}`, rule.name, () => ({ message, hint }));
      continue;
    }
    const block = blockFor(fields, rule, blocks);
    const constants = block.fields.map((field) => event.constant(field) as string);
    const key = JSON.stringify(constants);
    const row = block.rows.get(key);
    if (row) row.events.push(event);
    else block.rows.set(key, { constants, events: [event] });
    hidden++;
  }
  const asNote = (text: string, lines: string) =>
    `No alert with these rules, and without an exception: ${lines}, failing ${refutedText(reasons.get(text) as Refutation)}.`;
  notes.push(...notRaised.texts(asNote));
  if (hidden > 0) {
    notes.unshift(`Hides ${hidden} of ${counted(each.events.length, 'alert')}.`, ...warnings(blocks, rule));
    if (by === undefined) notes.push(...othersOf(blocks, rule));
  }
  return { case: each, rule: rule.name, blocks, notes };
}

/** A part of a condition, and where it is written. */
function refutedText({ text, place, via }: Refutation): string {
  const at = [...(place ? [placeText(place)] : []), ...via].join(', ');
  return `${text.length > 120 ? `${text.slice(0, 120)}…` : text} (${at})`;
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
