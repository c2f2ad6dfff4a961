/** Alerts by their rules, those that are alike as one: a day has thousands of alerts, and few that tell something else. */

import { hash } from 'node:crypto';
import { visibleLine } from '../../core/visible.ts';
import type { OutputFields } from '../../events/alert.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { Catalogue, Value } from '../../events/field.ts';
import { comparisons, type Rule } from '../../rules/index.ts';
import { type LoadedRules, noSuchRule } from '../rules/rules-files.ts';
import { type Given, HINT } from './alerts.ts';
import { isFleeting } from './fields.ts';
import { LeftOut } from './left.ts';
import { Constants, SeenEvent } from './seen.ts';

/** A rule, and the alerts of it that shall not come again. */
export class Case {
  readonly rule: Rule;
  readonly load: LoadedRules;
  readonly #constants: Constants;
  /** By what they show, but for what tells nothing. */
  readonly #events = new Map<string, SeenEvent>();
  /** Whether it may matter what a field shows. */
  readonly #matters = new Map<string, boolean>();
  readonly #compared: ReadonlySet<string>;
  count = 0;

  /** `by`: the fields that an exception shall go by. */
  constructor(rule: Rule, load: LoadedRules, lists: ReadonlySet<string>, by: readonly string[]) {
    this.rule = rule;
    this.load = load;
    this.#constants = new Constants(catalogues.get(rule.source) as Catalogue, lists);
    const own = rule.definition.exceptions.flatMap((exception) => comparisons(exception).fields);
    this.#compared = new Set([...rule.condition.reads.map(({ text }) => text), ...own, ...by]);
  }

  get events(): readonly SeenEvent[] {
    return [...this.#events.values()];
  }

  add(line: number, shown: OutputFields): void {
    this.count++;
    const key = this.#keyOf(shown);
    const event = this.#events.get(key);
    if (event) event.lines.push(line);
    else this.#events.set(key, new SeenEvent(line, shown, this.#constants));
  }

  #keyOf(shown: OutputFields): string {
    let key = '';
    for (const name in shown) {
      let matters = this.#matters.get(name);
      if (matters === undefined) {
        matters = this.#compared.has(name) || !isFleeting(name);
        this.#matters.set(name, matters);
      }
      key += matters ? `${name}=${valueKey(shown[name] ?? null)}\n` : `${name}\n`;
    }
    // What tells thousands of texts apart, without holding them.
    return hash('sha256', key, 'base64');
  }
}

function valueKey(value: Value | null): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return Array.isArray(value) ? `[${value.map((each) => valueKey(each as Value)).join()}]` : `${typeof value} ${value}`;
}

export interface Cases {
  readonly cases: readonly Case[];
  /** Alerts, but of those of rules that are not asked for. */
  readonly count: number;
  /** Alerts of what is no rule here. */
  readonly left: LeftOut;
  /** Lines without an alert. */
  readonly unread: LeftOut;
}

export interface Asked {
  readonly by: readonly string[];
  /** The names of the rules that are asked for; none: all. */
  readonly rules: readonly string[];
}

/** Reads all alerts. */
export async function casesOf(
  alerts: AsyncIterable<Given>,
  loads: readonly LoadedRules[],
  { by, rules }: Asked,
): Promise<Cases> {
  const found = rulesByName(loads);
  const cases = new Map<string, Case>();
  const left = new LeftOut();
  const unread = new LeftOut();
  let count = 0;
  for await (const given of alerts) {
    if ('problem' in given) {
      unread.add([given.line], given.problem, () => ({ message: given.problem, hint: HINT }));
      continue;
    }
    const { rule: name, source } = given.alert.fields as { rule: string; source: string };
    if (rules.length > 0 && !rules.includes(name)) continue;
    count++;
    const entry = found.get(name);
    if (entry === undefined) {
      left.add([given.line], JSON.stringify([name, source]), () => ({ message: whyNoRule(name, source, loads) }));
      continue;
    }
    if (source !== '' && source !== entry.rule.source) {
      const message = `The rule "${name}" is for ${entry.rule.source} events, and the alert of ${visibleLine(source)}`;
      left.add([given.line], message, () => ({ message }));
      continue;
    }
    let mine = cases.get(name);
    if (mine === undefined) cases.set(name, (mine = new Case(entry.rule, entry.load, entry.lists, by)));
    mine.add(given.line, given.alert.outputFields);
  }
  return { cases: [...cases.values()], count, left, unread };
}

function rulesByName(loads: readonly LoadedRules[]) {
  const found = new Map<string, { rule: Rule; load: LoadedRules; lists: ReadonlySet<string> }>();
  for (const load of loads) {
    const lists = new Set(load.result.lists.map((list) => list.name));
    for (const rule of load.result.rules) if (!found.has(rule.name)) found.set(rule.name, { rule, load, lists });
  }
  return found;
}

function whyNoRule(name: string, source: string, loads: readonly LoadedRules[]): string {
  if (source === 'internal') return 'It is about the program itself: no rule has raised it';
  const idle = loads
    .flatMap(({ result }) => result.definitions.rules.get(name) ?? [])
    .find((each) => each.unknownSource);
  if (idle !== undefined) return `The rule is for ${idle.source} events, which have no source here`;
  return noSuchRule(visibleLine(name), loads);
}
