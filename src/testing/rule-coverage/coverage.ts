/** Which parts of rules the tests decide: the rules that were raised, and the checks that were true, and false, in some test. */

import { resolve } from 'node:path';
import { placeText } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { Form } from '../../events/field.ts';
import { bindChecks, type ExplainedNode, explainRule, type JudgedChecks, type Rule } from '../../rules/index.ts';

/** What became of a check in all tests. Rules that share a macro or a list share the checks in it. */
export interface CheckCoverage {
  readonly text: string;
  /** `FILE:LINE:COLUMN`; undefined where it is written nowhere. */
  readonly place: string | undefined;
  /** It compares with a list that has no items, there to be filled by others: no event decides it. */
  readonly isEmpty: boolean;
  isTrue: boolean;
  isFalse: boolean;
}

/** A part of a condition: a check, or what joins others. */
export interface NodeCoverage {
  readonly kind: ExplainedNode['kind'];
  /** The name of a macro. */
  readonly text: string | undefined;
  readonly check: CheckCoverage | undefined;
  readonly items: readonly NodeCoverage[];
}

export interface RuleCoverage {
  readonly name: string;
  /** The rules file, as it was named first. */
  readonly file: string;
  readonly line: number;
  readonly enabled: boolean;
  readonly condition: NodeCoverage;
  /** In the order in which they are written, macros in place. */
  readonly checks: readonly CheckCoverage[];
  /** Whether its condition was true of some event. */
  matched: boolean;
  /** Whether some test expects that it is raised, or that it is not. */
  positive: boolean;
  negative: boolean;
}

export class Coverage {
  readonly #rules = new Map<string, RuleCoverage>();
  readonly #checks = new Map<string, CheckCoverage>();
  /** Of events that a rule does not look at one of each type tells all. */
  readonly #passedBy = new Set<string>();
  readonly #judges = new Map<Rule, Map<Form, (event: Event) => JudgedChecks>>();

  /** Rules that tests are about. `folder`: where the paths of their files start. */
  add(rules: readonly Rule[], folder = '.'): void {
    for (const rule of rules) {
      const key = keyOf(rule, folder);
      if (this.#rules.has(key)) continue;
      const { name, file, line, enabled } = rule;
      const checks: CheckCoverage[] = [];
      const condition = this.#node(explainRule(rule).condition, { key, folder, checks });
      const unseen = { matched: false, positive: false, negative: false };
      this.#rules.set(key, { name, file, line, enabled, condition, checks, ...unseen });
    }
  }

  /** A test has shown that event to those rules. Only rules of the event's source look at it. */
  judge(rules: readonly Rule[], event: Event, form: Form, folder = '.'): void {
    for (const rule of rules) {
      const key = keyOf(rule, folder);
      const known = this.#rules.get(key);
      if (known === undefined || rule.source !== event.source || this.#hasPassedBy(rule, key, event)) continue;
      const { matches, checks } = this.#judge(rule, form)(event);
      if (matches) known.matched = true;
      for (const [index, check] of known.checks.entries()) check[checks[index] ? 'isTrue' : 'isFalse'] = true;
    }
  }

  /** A test expects that a rule is raised, or that it is not. */
  tested(rule: Rule, how: 'positive' | 'negative', folder = '.'): void {
    const known = this.#rules.get(keyOf(rule, folder));
    if (known) known[how] = true;
  }

  /** In the order of their files. */
  get rules(): readonly RuleCoverage[] {
    return [...this.#rules.values()];
  }

  #hasPassedBy({ condition: { eventTypes } }: Rule, key: string, { type }: Event): boolean {
    if (eventTypes === 'all' || eventTypes.has(type)) return false;
    const passed = `${type} ${key}`;
    if (this.#passedBy.has(passed)) return true;
    this.#passedBy.add(passed);
    return false;
  }

  #judge(rule: Rule, form: Form): (event: Event) => JudgedChecks {
    let forms = this.#judges.get(rule);
    if (!forms) this.#judges.set(rule, (forms = new Map()));
    let judge = forms.get(form);
    if (!judge) forms.set(form, (judge = bindChecks(rule, form)));
    return judge;
  }

  #node({ kind, text, place, items }: ExplainedNode, scene: Scene): NodeCoverage {
    if (kind !== 'check') return { kind, text, check: undefined, items: items.map((item) => this.#node(item, scene)) };
    const { key: rule, folder, checks } = scene;
    const at = place && placeText(place);
    const key = place ? `${resolve(folder, place.file)} ${at} ${text}` : `${rule} ${checks.length}`;
    let check = this.#checks.get(key);
    if (!check) {
      const shown = (text ?? '').replaceAll(/\s+/g, ' ');
      check = { text: shown, place: at, isEmpty: shown.endsWith(' ()'), isTrue: false, isFalse: false };
      this.#checks.set(key, check);
    }
    checks.push(check);
    return { kind, text, check, items: [] };
  }
}

/** A rule whose tree is made. */
interface Scene {
  readonly key: string;
  readonly folder: string;
  readonly checks: CheckCoverage[];
}

function keyOf({ file, name }: Rule, folder: string): string {
  return `${resolve(folder, file)} ${name}`;
}
