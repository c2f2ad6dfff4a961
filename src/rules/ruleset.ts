/** Rules of one event source bound to one form of event, found by the event's type (spec/falco-engine.md §1.9). */

import type { Event, Events, Form } from '../events/field.ts';
import type { Necessary } from '../events/necessary.ts';
import { feedsIn, withFewItems } from './analysis/few-items.ts';
import { necessary } from './analysis/necessary.ts';
import type { TypedExpr } from './check/typed-ast.ts';
import type { Rule } from './files/rule.ts';
import { compile, type Predicate } from './judge/compile.ts';
import type { Engine } from './judge/engine.ts';
import { canGenerate } from './judge/generate.ts';
import { type Judge, makeJudge } from './judge/judge.ts';
import type { Part } from './judge/judge-group.ts';
import { type Node, Nodes } from './judge/nodes.ts';
import { asKeptHere } from './lists/list-feed.ts';

export type Hit<E extends Event> = (rule: Rule, event: E) => void;
export type Failed<E extends Event> = (rule: Rule, error: unknown, event: E) => void;

export interface Ruleset<E extends Event> {
  /**
   * Judges an event by every rule in turn. A rule that throws is reported to `failed`; the others still judge.
   * With `matching: 'first'` the first rule that matches ends it.
   */
  judge(event: E, hit: Hit<E>, failed: Failed<E>): void;
  /**
   * The index of the first event from `from` on that has to be judged, since some rule may match or a look at it does not
   * tell; else how many there are.
   */
  next(events: Events<E>, from: number): number;
  /** Voids what was made of the items of lists, verdicts that are kept as well: they hold other items now. */
  forget(): void;
  /** Makes ahead, in steps, what the first events would wait for: of the types that are common in their form. */
  warm(): Generator<void, void>;
}

export interface BindOptions {
  readonly matching: 'first' | 'all';
  /** Default: `cached`. */
  readonly engine?: Engine;
}

interface Candidate<E extends Event> {
  readonly rule: Rule;
  readonly matches: Predicate<E>;
}

/** The rules for events of one type. */
interface Candidates<E extends Event> {
  readonly rules: readonly Rule[];
  /** The type, unless they are for events of any. */
  readonly type: string | undefined;
  readonly judge: Judge<E> | undefined;
  /** Whether lists from elsewhere are part of it. */
  readonly usesFeeds: boolean;
  /** Makes parts of the judge that are not made yet. */
  readonly ahead: (() => void)[];
  /** Closures: made when they are needed. */
  one: readonly Candidate<E>[] | undefined;
}

/** Event types beyond this many share one list: where they are names that others choose, there is no end of them. */
const MAX_TYPES = 2048;

/** Binds rules of one event source. Only enabled rules take part. */
export function bindRules<E extends Event>(
  rules: readonly Rule[],
  form: Form<E>,
  { matching, engine = 'cached' }: BindOptions,
): Ruleset<E> {
  return new BoundRules(
    rules.filter((rule) => rule.enabled),
    form,
    matching === 'first',
    engine === 'closures' || canGenerate() ? engine : 'closures',
  );
}

class BoundRules<E extends Event> implements Ruleset<E> {
  readonly #rules: readonly Rule[];
  readonly #form: Form<E>;
  readonly #first: boolean;
  readonly #engine: Engine;
  readonly #byType = new Map<string, Candidates<E>>();
  /** The conditions that compare with lists from elsewhere, as they are now. */
  readonly #now = new Map<Rule, TypedExpr>();
  // Where conditions do not know event types, one list serves all events.
  readonly #byEventType: boolean;
  #general: Candidates<E> | undefined;
  #lastType: string | undefined;
  #last: Candidates<E> | undefined;

  constructor(rules: readonly Rule[], form: Form<E>, first: boolean, engine: Engine) {
    this.#rules = rules;
    this.#form = form;
    this.#first = first;
    this.#engine = engine;
    this.#byEventType = rules.some(({ condition }) => condition.namesEventTypes);
    this.#takeFeeds();
  }

  judge(event: E, hit: Hit<E>, failed: Failed<E>): void {
    const { type } = event;
    // Events come in runs of one type.
    if (type !== this.#lastType) {
      this.#last = this.#byType.get(type) ?? this.#candidatesOf(type);
      this.#lastType = type;
    }
    const candidates = this.#last as Candidates<E>;
    const { rules, judge } = candidates;
    if (judge === undefined) {
      this.#judgeOneByOne(event, candidates, hit, failed);
      return;
    }
    let found: readonly number[];
    try {
      found = judge.judge(event);
    } catch {
      // One rule throws: which one, and what the others say, is found out one by one.
      this.#judgeOneByOne(event, candidates, hit, failed);
      return;
    }
    for (let index = 0; index < found.length; index++) {
      const rule = rules[found[index] as number] as Rule;
      try {
        hit(rule, event);
      } catch (error) {
        failed(rule, error, event);
        continue;
      }
      if (this.#first) return;
    }
  }

  next(events: Events<E>, from: number): number {
    return this.#last?.judge?.prefilter?.next(events, from) ?? from;
  }

  forget(): void {
    // What is kept belongs to the judges that are dropped here.
    for (const [type, candidates] of this.#byType) if (candidates.usesFeeds) this.#byType.delete(type);
    this.#general = undefined;
    this.#lastType = undefined;
    this.#last = undefined;
    this.#takeFeeds();
  }

  #takeFeeds(): void {
    for (const rule of this.#rules) {
      const { typed } = rule.condition;
      if (feedsIn(typed).length > 0) this.#now.set(rule, withFewItems(typed));
    }
  }

  #conditionOf(rule: Rule): TypedExpr {
    return this.#now.get(rule) ?? rule.condition.typed;
  }

  *warm(): Generator<void, void> {
    for (const type of this.#form.common ?? []) {
      const ahead = (this.#byType.get(type) ?? this.#candidatesOf(type)).ahead.splice(0);
      yield;
      for (const make of ahead) {
        make();
        yield;
      }
    }
  }

  #judgeOneByOne(event: E, candidates: Candidates<E>, hit: Hit<E>, failed: Failed<E>): void {
    candidates.one ??= candidates.rules.flatMap((rule) => this.#closure(rule, candidates.type));
    for (let index = 0; index < candidates.one.length; index++) {
      const { rule, matches } = candidates.one[index] as Candidate<E>;
      try {
        if (!matches(event)) continue;
        hit(rule, event);
      } catch (error) {
        failed(rule, error, event);
        continue;
      }
      if (this.#first) return;
    }
  }

  #candidatesOf(type: string): Candidates<E> {
    if (!this.#byEventType || this.#byType.size >= MAX_TYPES) return (this.#general ??= this.#make(undefined));
    const made = this.#make(type);
    this.#byType.set(type, made);
    return made;
  }

  #make(eventType: string | undefined): Candidates<E> {
    const type = this.#byEventType ? eventType : undefined;
    const possible = type === undefined ? this.#rules : this.#rules.filter(({ condition }) => condition.mayMatch(type));
    const feeds = possible.some((rule) => this.#now.has(rule));
    if (this.#engine === 'closures') {
      return { rules: possible, type, judge: undefined, usesFeeds: feeds, ahead: [], one: undefined };
    }
    const nodes = new Nodes(this.#form, { eventType: type });
    const rules: Rule[] = [];
    const conditions: Node<E>[] = [];
    for (const rule of possible) {
      const lowered = nodes.lower(this.#conditionOf(rule));
      if (lowered === false) continue;
      rules.push(rule);
      conditions.push(lowered === true ? nodes.call(() => true) : lowered);
    }
    const facets = type === undefined || this.#engine !== 'cached' ? [] : this.#facetsOf(type);
    const filter = (clauses: readonly Necessary[]) =>
      type === undefined ? undefined : this.#form.prefilter?.(type, clauses);
    const of = (some: readonly Rule[]) =>
      some.map((rule) => necessary(this.#conditionOf(rule), type as string, asKeptHere));
    const prefilters = {
      among: (from: number, to: number) => filter(of(rules.slice(from, to))),
      any: () => filter([of(rules).flat()]),
    };
    const judge = makeJudge(conditions, nodes, facets, prefilters);
    return { rules, type, judge, usesFeeds: feeds, ahead: nodes.ahead, one: undefined };
  }

  #facetsOf(type: string): readonly Part<E>[] {
    const facets = (this.#form.facets ?? []).filter((facet) => facet.recurs(type));
    return facets.map((facet) => ({
      facet,
      // What lists from elsewhere hold may change; then all is forgotten.
      covers: ({ left, right }) => [...left.refs, ...(right?.refs ?? [])].every((ref) => facet.covers(ref, type)),
    }));
  }

  #closure(rule: Rule, type: string | undefined): readonly Candidate<E>[] {
    const predicate = compile(rule.condition.typed, this.#form, { eventType: type });
    if (predicate === false) return [];
    return [{ rule, matches: predicate === true ? () => true : predicate }];
  }
}
