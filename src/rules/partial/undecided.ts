/** Which rules an event decides although some of its fields are not known yet. */

import type { Event, FieldRef, Form } from '../../events/field.ts';
import type { TypedExpr } from '../check/typed-ast.ts';
import type { Rule } from '../files/rule.ts';
import { compile, type Predicate, predicateOf } from '../judge/compile.ts';
import type { Failed, Hit } from '../ruleset.ts';
import { assume } from './assume.ts';

export interface UndecidedOptions<E extends Event> {
  readonly form: Form<E>;
  /** Whether a field may be unknown. */
  readonly isLate: (ref: FieldRef) => boolean;
  readonly matching: 'first' | 'all';
  /** Whether an alert of the rule shows what is not known: then it is not raised before. */
  readonly showsLate: (rule: Rule) => boolean;
}

interface Candidate<E extends Event> {
  readonly rule: Rule;
  /** True when the rule matches whatever the unknown fields are. */
  readonly certainly: Predicate<E>;
  /** False when it does not match whatever they are. */
  readonly possibly: Predicate<E>;
  readonly holdsHit: boolean;
}

/** Rules of one event source bound to one form of event, for events whose late fields are all unknown. */
export class UndecidedRules<E extends Event> {
  readonly #rules: readonly Rule[];
  readonly #options: UndecidedOptions<E>;
  readonly #byType = new Map<string, readonly Candidate<E>[]>();

  constructor(rules: readonly Rule[], options: UndecidedOptions<E>) {
    this.#rules = rules;
    this.#options = options;
  }

  /**
   * Judges an event. Rules that match whatever is still unknown go to `hit`; those whose verdict, or alert, depends on it
   * are returned. With `matching: 'first'` so are those that come after them, for they are not asked before.
   */
  judge(event: E, hit: Hit<E>, failed: Failed<E>): readonly Rule[] {
    const undecided: Rule[] = [];
    const first = this.#options.matching === 'first';
    for (const { rule, certainly, possibly, holdsHit } of this.#candidatesOf(event.type)) {
      try {
        if (!possibly(event)) continue;
        if (holdsHit || !certainly(event) || (first && undecided.length > 0)) {
          undecided.push(rule);
          continue;
        }
        hit(rule, event);
      } catch (error) {
        failed(rule, error, event);
        continue;
      }
      if (first) break;
    }
    return undecided;
  }

  #candidatesOf(type: string): readonly Candidate<E>[] {
    let candidates = this.#byType.get(type);
    if (candidates === undefined) {
      candidates = this.#rules.flatMap((rule) => this.#candidate(rule, type));
      this.#byType.set(type, candidates);
    }
    return candidates;
  }

  #candidate(rule: Rule, type: string): readonly Candidate<E>[] {
    const { condition } = rule;
    const { form, isLate, showsLate } = this.#options;
    if (!condition.mayMatch(type)) return [];
    const known = condition.namesEventTypes ? { eventType: type } : {};
    const bind = (expr: TypedExpr) => predicateOf(compile(expr, form, known));
    const holdsHit = showsLate(rule);
    if (!condition.reads.some(isLate)) {
      const matches = bind(condition.typed);
      return [{ rule, possibly: matches, certainly: () => true, holdsHit }];
    }
    const possibly = bind(assume(condition.typed, isLate, true));
    return [{ rule, possibly, certainly: bind(assume(condition.typed, isLate, false)), holdsHit }];
  }
}
