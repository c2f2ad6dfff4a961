/** What an alert tells of its event, and which of that an exception can compare. */

import type { OutputFields } from '../../events/alert.ts';
import type { Catalogue, FieldRef, Value } from '../../events/field.ts';
import { EventRecord, recordForm } from '../../events/record.ts';
import { REDACTED } from '../../events/redact.ts';
import {
  compileCondition,
  constantText,
  type Refutation,
  type Refuter,
  type Rule,
  refuter,
} from '../../rules/index.ts';
import { isCut } from '../../sinks/shared/bounded.ts';

/** Digits, upper-case hex and padded numbers are printed otherwise than they are compared. */
const isPlain = ({ field }: FieldRef) => field.print === undefined || field.print === 'dec';

/** What values are as constants of the conditions of one event source: alerts have the same ones over and over. */
export class Constants {
  readonly catalogue: Catalogue;
  readonly #lists: ReadonlySet<string>;
  readonly #known = new Map<string, Map<Value, string | undefined>>();
  readonly #sets = new Map<string, ReadonlySet<string>>();

  /** `lists`: the names of all lists. */
  constructor(catalogue: Catalogue, lists: ReadonlySet<string>) {
    this.catalogue = catalogue;
    this.#lists = lists;
  }

  /** The constant that a field with this value is equal to; undefined when there is none. */
  of(field: string, value: Value): string | undefined {
    let known = this.#known.get(field);
    if (known === undefined) this.#known.set(field, (known = new Map()));
    if (!known.has(value)) known.set(value, this.#make(field, value));
    return known.get(value);
  }

  /** A set of these names, the same object for the same names. */
  sameSet(names: readonly string[]): ReadonlySet<string> {
    const key = names.join('\n');
    let set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, (set = new Set(names)));
    return set;
  }

  #make(field: string, value: Value): string | undefined {
    if (this.catalogue.find(field)?.field.candidates !== undefined) return undefined;
    const constant = constantText(String(value), this.#lists);
    if (constant === undefined) return undefined;
    try {
      const condition = compileCondition(`${field} = ${constant}`, this.catalogue);
      const event = new EventRecord(this.catalogue.source, '', 0n, { [field]: value });
      return condition.bind(recordForm, {}, 'closures')(event) ? constant : undefined;
    } catch {
      // The field does not compare by `=`, or its type has no such value.
      return undefined;
    }
  }
}

/** The event of alerts that are alike, as far as they tell. A day has many: it holds little beside what they show. */
export class SeenEvent {
  /** Where the alerts are. */
  readonly lines: number[];
  readonly shown: OutputFields;
  readonly #constants: Constants;
  /** Fields of which the event's value is known, or that it has none. */
  readonly known: ReadonlySet<string>;

  constructor(line: number, shown: OutputFields, constants: Constants) {
    this.lines = [line];
    this.#constants = constants;
    const { catalogue } = constants;
    // An argument may be written with quotes or without.
    const isQuoted = (name: string) => (catalogue.find(name)?.text ?? name) !== name;
    this.shown = Object.keys(shown).some(isQuoted)
      ? Object.fromEntries(Object.entries(shown).map(([name, value]) => [catalogue.find(name)?.text ?? name, value]))
      : shown;
    const known = Object.entries(this.shown).flatMap(([name, value]) => {
      const ref = catalogue.find(name);
      return ref === undefined || doubt(ref, value) !== undefined ? [] : [name];
    });
    this.known = constants.sameSet(known);
  }

  /** The source of its rule's events. */
  get source(): string {
    return this.#constants.catalogue.source;
  }

  /** The fields that the alerts show, in their order. */
  get fields(): readonly string[] {
    return Object.keys(this.shown).filter((name) => this.#constants.catalogue.find(name) !== undefined);
  }

  /** The value of a field as text; undefined when an exception cannot compare it. */
  text(field: string): string | undefined {
    return this.constant(field) === undefined ? undefined : String(this.shown[field]);
  }

  /** The constant that a field is equal to; undefined when an exception cannot compare it. */
  constant(field: string): string | undefined {
    const value = this.shown[field] ?? undefined;
    return value === undefined || !this.known.has(field) ? undefined : this.#constants.of(field, value);
  }

  /** Whether the alerts show a value of a field that an exception cannot compare. */
  isVeiled(field: string): boolean {
    const value = this.shown[field] ?? '';
    return value !== '' && value !== '<NA>' && this.constant(field) === undefined;
  }

  /** Why a field that the alerts should show cannot be compared. */
  why(field: string): string {
    const { catalogue } = this.#constants;
    const ref = catalogue.find(field);
    const value = this.shown[field];
    if (ref === undefined) return `there is no field ${field} of ${catalogue.source} events`;
    if (value === undefined) return `the alert does not show ${field}`;
    if (value === null) return `${field} is absent on its event, and what is absent is equal to nothing`;
    return doubt(ref, value) ?? `${field} cannot be compared by =`;
  }

  /** The event, with what is known; made each time. */
  get record(): EventRecord {
    const fields: Record<string, Value> = {};
    for (const name of this.known) {
      const value = this.shown[name];
      if (value !== null && value !== undefined) fields[name] = value;
    }
    return new EventRecord(this.source, '', 0n, fields);
  }
}

/** What a rule can make of events that alerts tell of. */
export class Judged {
  readonly #rule: Rule;
  /** Alerts of one rule mostly show the same fields. */
  readonly #refuters = new Map<ReadonlySet<string>, Refuter<EventRecord>>();

  constructor(rule: Rule) {
    this.#rule = rule;
  }

  /** Whether the rule may match the event, by what its alert shows. */
  mayMatch(event: SeenEvent): boolean {
    return this.#of(event).mayMatch(event.record);
  }

  /** A part of the condition that the event fails for sure, where it may not match. */
  refutation(event: SeenEvent): Refutation {
    return this.#of(event).refutations(event.record)[0] as Refutation;
  }

  #of({ known }: SeenEvent): Refuter<EventRecord> {
    let made = this.#refuters.get(known);
    if (made === undefined) {
      made = refuter(this.#rule, recordForm, ({ text }) => !known.has(text));
      this.#refuters.set(known, made);
    }
    return made;
  }
}

/** Why what an alert shows need not be what its event has. */
function doubt(ref: FieldRef, value: unknown): string | undefined {
  const { text: name, field } = ref;
  if (field.type === 'BYTEBUF') return `${name} is shown with dots for bytes that do not print`;
  if (!isPlain(ref)) return `${name} is shown otherwise than it is compared`;
  if (field.type === 'DOUBLE' || field.candidates === 'any') return `${name} is shown in short`;
  // An empty list is shown as if it were absent.
  if (field.list && value === null) return `${name} may be an empty list`;
  if (field.list && !Array.isArray(value)) return `${name} is a list, and shown as a text`;
  const texts = [value].flat().filter((each) => typeof each === 'string');
  if (texts.some(isCut)) return `${name} is too long for a receiver, and was cut`;
  if (texts.some((each) => each.includes(REDACTED))) return `a secret was taken out of ${name}`;
  if (texts.some((each) => each.includes('\ufffd'))) return `${name} holds what is no text, and is not shown as it is`;
  return undefined;
}
