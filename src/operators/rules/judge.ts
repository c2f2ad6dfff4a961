/** Judging events of one form by rules: what matches becomes alerts, what cannot be told yet is held. */

import type { OperatorContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { Event, EventList, Held } from '../../core/event.ts';
import { REHEARSALS } from '../../core/flow/rehearsal.ts';
import { makeAlert } from '../../events/alert.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { FieldRef, Form, Late, Value } from '../../events/field.ts';
import { HeldEvent } from '../../events/held.ts';
import { recordForm } from '../../events/record.ts';
import {
  type BoundFormat,
  bindRules,
  type Failed,
  type Hit,
  type Rule,
  type Ruleset,
  UndecidedRules,
} from '../../rules/index.ts';

/** The field with the id that the service gave an event, in the event sources that have it. */
export const EVENT_ID = 'evt.id';

type Emit = (event: Event) => void;

export interface JudgeOptions {
  /** Rules of one event source. */
  readonly rules: readonly Rule[];
  readonly source: string;
  /** Fields that operators below want in alerts, beside those that a rule prints. */
  readonly extra: readonly FieldRef[];
  readonly matching: 'all' | 'first';
  readonly hostname: string;
  readonly ctx: Pick<OperatorContext, 'metrics'>;
}

/** The rules of one event source over events of one form. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #ruleset: Ruleset<Event>;
  readonly #form: Form;
  readonly #alertOf: (rule: Rule, event: Event) => Event;
  readonly #matches: ReadonlyMap<Rule, { value: number }>;
  readonly #late: Late | undefined;
  readonly #undecided: UndecidedRules<Event> | undefined;
  readonly #conditions = new Map<Rule, (event: Event) => boolean>();
  #records: Judge | undefined;
  // Made once: every event is judged with them.
  #emit: Emit = () => {};
  readonly #hit: Hit<Event> = (rule, event) => this.#raise(rule, event, this.#emit);
  // A rule that throws is counted against that rule; the others still judge. The first of those on the event in hand.
  #failure: Error | undefined;
  readonly #failed: Failed<Event> = ({ name }, error) => {
    this.#options.ctx.metrics.add('rule_errors', name, 1);
    this.#failure ??= new Error(`rule "${name}" failed: ${messageOf(error)}`, { cause: error });
  };

  constructor(form: Form, options: JudgeOptions) {
    const { rules, extra, matching, ctx } = options;
    this.#options = options;
    this.#form = form;
    this.#ruleset = bindRules(rules, form, { matching });
    this.#alertOf = alerts(form, options);
    this.#matches = new Map(rules.map((rule) => [rule, ctx.metrics.counter('matches', rule.name)]));
    this.#late = form.late;
    if (!form.late) return;
    const isLate = (ref: FieldRef) => (form.late as Late).includes(ref);
    const showsLate = (rule: Rule) => rule.output.reads.some(isLate) || extra.some(isLate);
    this.#undecided = new UndecidedRules(rules, { form, isLate, matching, showsLate });
  }

  /**
   * Emits alerts. Rules whose verdict depends on what is not known yet wait for it in `hold`. Throws when all is emitted and
   * a rule has failed: the event is not judged whole.
   */
  judge(event: Event, emit: Emit, hold: ((held: Held) => void) | undefined): void {
    this.#failure = undefined;
    this.#judge(event, emit, hold);
    if (this.#failure) throw this.#failure;
  }

  #judge(event: Event, emit: Emit, hold: ((held: Held) => void) | undefined): void {
    const awaited = hold && this.#late?.of(event);
    this.#emit = emit;
    if (!awaited || !this.#undecided) {
      this.#ruleset.judge(event, this.#hit, this.#failed);
      return;
    }
    const undecided = this.#undecided.judge(event, this.#hit, this.#failed);
    if (undecided.length === 0) return;
    const fields = fieldsOf(undecided, this.#options.extra);
    const again = (record: Event, emitLater: Emit) => this.#ofRecords().#judgeBy(undecided, record, emitLater);
    hold(new HeldEvent(event, awaited, fields, again));
  }

  /** See `EventStep.next`. */
  next(events: EventList, from: number): number {
    return this.#ruleset.next(events, from);
  }

  /** Makes ahead, in steps, what the first events would wait for. */
  *warm(): Generator<void, void> {
    yield* this.#ruleset.warm();
    for (const type of this.#form.common ?? []) yield* this.#rehearse(type);
  }

  /** Judges events, and makes the alerts that they may raise, all of it for nothing. */
  *#rehearse(type: string): Generator<void, void> {
    const ignore = () => {};
    let event: Event | undefined;
    for (let time = 0; time < REHEARSALS; time++) {
      event = this.#form.example?.(type);
      if (!event) return;
      this.#ruleset.judge(event, ignore, ignore);
      yield;
    }
    for (const rule of this.#options.rules) {
      if (!event || !rule.condition.mayMatch(type)) continue;
      this.#alertOf(rule, event);
      yield;
    }
  }

  #raise(rule: Rule, event: Event, emit: Emit): void {
    const matched = this.#matches.get(rule);
    if (matched) matched.value++;
    emit(this.#alertOf(rule, event));
  }

  /** Lists hold other items now. */
  forget(): void {
    this.#ruleset.forget();
    this.#records?.forget();
  }

  #judgeBy(rules: readonly Rule[], event: Event, emit: Emit): void {
    this.#failure = undefined;
    for (const rule of rules) {
      try {
        if (!this.#conditionOf(rule)(event)) continue;
        this.#raise(rule, event, emit);
      } catch (error) {
        this.#failed(rule, error, event);
        continue;
      }
      if (this.#options.matching === 'first') break;
    }
    if (this.#failure) throw this.#failure;
  }

  #conditionOf(rule: Rule): (event: Event) => boolean {
    let condition = this.#conditions.get(rule);
    if (!condition) this.#conditions.set(rule, (condition = rule.condition.bind(recordForm as Form)));
    return condition;
  }

  #ofRecords(): Judge {
    return (this.#records ??= new Judge(recordForm as Form, this.#options));
  }
}

function fieldsOf(rules: readonly Rule[], extra: readonly FieldRef[]): FieldRef[] {
  const refs = [...rules.flatMap(({ condition, output }) => [...condition.reads, ...output.reads]), ...extra];
  return [...new Map(refs.map((ref) => [ref.text, ref])).values()];
}

function alerts(form: Form, options: JudgeOptions): (rule: Rule, event: Event) => Event {
  const { rules, extra, source, hostname } = options;
  const formats = new Map(rules.map((rule) => [rule, rule.output.bind(form)]));
  const more = readersOf(extra, form);
  const identity = identityOf(form, source);
  return (rule, event) => {
    const format = formats.get(rule) as BoundFormat<Event>;
    const { text: output, fields } = format.whole(event);
    const outputFields = extra.length === 0 ? fields : { ...more(event), ...fields };
    const { name, priority, tags } = rule;
    const content = { rule: name, priority, tags, hostname, output, source, outputFields, identity: identity(event) };
    return makeAlert(event.time, content);
  };
}

/** An event that has an id is told apart by it, whatever a rule prints. */
function identityOf(form: Form, source: string): (event: Event) => string | undefined {
  const ref = catalogues.get(source)?.find(EVENT_ID);
  const read = ref && form.reader(ref);
  return (event) => {
    const id = read?.(event);
    return id === undefined ? undefined : JSON.stringify([source, String(id)]);
  };
}

function readersOf(refs: readonly FieldRef[], form: Form): (event: Event) => Record<string, Value | null> {
  const readers = refs.map((ref) => [ref.text, form.reader(ref)] as const);
  return (event) => Object.fromEntries(readers.map(([name, read]) => [name, read?.(event) ?? null]));
}
