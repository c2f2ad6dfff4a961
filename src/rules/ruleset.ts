/** Rules of one event source bound to one form of event, found by the event's type (spec/falco-engine.md §1.9). */

import type { Event, Form } from '../events/field.ts';
import type { Predicate } from './compile.ts';
import { compile } from './compile.ts';
import type { Rule } from './rule.ts';

export interface Ruleset<E extends Event> {
  /**
   * Judges an event by every rule in turn. A rule that throws is reported to `failed`; the others still judge.
   * With `matching: 'first'` the first rule that matches ends it.
   */
  judge(event: E, hit: (rule: Rule, event: E) => void, failed: (rule: Rule, error: unknown) => void): void;
}

interface Candidate<E extends Event> {
  readonly rule: Rule;
  readonly matches: Predicate<E>;
}

/** Event types beyond this many share one list: where they are names that others choose, there is no end of them. */
const MAX_TYPES = 2048;

/** Binds rules of one event source. Only enabled rules take part. */
export function bindRules<E extends Event>(
  rules: readonly Rule[],
  form: Form<E>,
  { matching }: { readonly matching: 'first' | 'all' },
): Ruleset<E> {
  const enabled = rules.filter((rule) => rule.enabled);
  const first = matching === 'first';
  // Where conditions do not know event types, one list serves all events.
  const byEventType = enabled.some(({ condition }) => condition.namesEventTypes);
  const byType = new Map<string, readonly Candidate<E>[]>();
  let general: readonly Candidate<E>[] | undefined;

  function candidatesOf(type: string): readonly Candidate<E>[] {
    if (!byEventType || byType.size >= MAX_TYPES) return (general ??= enabled.flatMap((rule) => candidate(rule, form)));
    const found = enabled.flatMap((rule) => candidate(rule, form, type));
    byType.set(type, found);
    return found;
  }

  return {
    judge(event, hit, failed) {
      const candidates = byType.get(event.type) ?? candidatesOf(event.type);
      for (let index = 0; index < candidates.length; index++) {
        const { rule, matches } = candidates[index] as Candidate<E>;
        try {
          if (!matches(event)) continue;
          hit(rule, event);
        } catch (error) {
          failed(rule, error);
          continue;
        }
        if (first) return;
      }
    },
  };
}

/** The rule as a candidate for events of a type, or none when it cannot match them. */
function candidate<E extends Event>(rule: Rule, form: Form<E>, type?: string): readonly Candidate<E>[] {
  const { condition } = rule;
  if (type !== undefined && !condition.mayMatch(type)) return [];
  const predicate = compile(condition.typed, form, condition.namesEventTypes ? { eventType: type } : {});
  if (predicate === false) return [];
  return [{ rule, matches: predicate === true ? () => true : predicate }];
}
