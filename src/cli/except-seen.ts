/** What an alert tells of its event, and which of that an exception can compare. */

import type { Catalogue, FieldRef } from '../events/field.ts';
import { EventRecord, recordForm } from '../events/record.ts';
import { REDACTED } from '../events/redact.ts';
import { compileCondition, constantText, type Refuter, type Rule, refuter } from '../rules/index.ts';
import { isCut } from '../sinks/shared/bounded.ts';
import type { GivenAlert } from './except-alerts.ts';

/** Digits, upper-case hex and padded numbers are printed otherwise than they are compared. */
const isPlain = ({ field }: FieldRef) => field.print === undefined || field.print === 'dec';

/** The event of an alert, as far as the alert tells. */
export class SeenEvent {
  readonly line: number;
  readonly alert: GivenAlert['alert'];
  readonly #catalogue: Catalogue;
  readonly #lists: ReadonlySet<string>;
  readonly #record: EventRecord;
  /** Fields of which the event's value is known, or that it has none. */
  readonly known: readonly string[];
  readonly #constants = new Map<string, string | undefined>();

  /** `lists`: the names of all lists. */
  constructor({ line, alert }: GivenAlert, catalogue: Catalogue, lists: ReadonlySet<string>) {
    this.line = line;
    this.alert = alert;
    this.#catalogue = catalogue;
    this.#lists = lists;
    const known = Object.entries(alert.outputFields).flatMap(([name, value]) => {
      const ref = catalogue.find(name);
      return ref === undefined || doubt(ref, value) !== undefined ? [] : [[ref.text, value] as const];
    });
    this.known = known.map(([name]) => name).sort();
    const present = known.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
    this.#record = new EventRecord(catalogue.source, '', alert.time, Object.fromEntries(present));
  }

  /** The source of its rule's events. */
  get source(): string {
    return this.#catalogue.source;
  }

  /** The fields that the alert shows, in its order. */
  get fields(): readonly string[] {
    return Object.keys(this.alert.outputFields).filter((name) => this.#catalogue.find(name) !== undefined);
  }

  /** The value of a field as text; undefined when an exception cannot compare it. */
  text(field: string): string | undefined {
    return this.constant(field) === undefined ? undefined : String(this.#record.fields[field]);
  }

  /** The constant that a field is equal to; undefined when an exception cannot compare it. */
  constant(field: string): string | undefined {
    if (!this.#constants.has(field)) this.#constants.set(field, this.#constantOf(field));
    return this.#constants.get(field);
  }

  #constantOf(field: string): string | undefined {
    const value = this.#record.fields[field];
    if (value === undefined || this.#catalogue.find(field)?.field.candidates !== undefined) return undefined;
    const constant = constantText(String(value), this.#lists);
    if (constant === undefined) return undefined;
    const condition = `${field} = ${constant}`;
    try {
      return compileCondition(condition, this.#catalogue).bind(recordForm)(this.#record) ? constant : undefined;
    } catch {
      // The field does not compare by `=`, or its type has no such value.
      return undefined;
    }
  }

  /** Whether the alert shows a value of a field that an exception cannot compare. */
  isVeiled(field: string): boolean {
    const value = this.alert.outputFields[field] ?? '';
    return value !== '' && value !== '<NA>' && this.constant(field) === undefined;
  }

  /** Why a field that the alert should show cannot be compared. */
  why(field: string): string {
    const ref = this.#catalogue.find(field);
    const value = this.alert.outputFields[field];
    if (ref === undefined || value === undefined) return `the alert does not show ${field}`;
    if (value === null) return `${field} is absent on its event, and what is absent is equal to nothing`;
    return doubt(ref, value) ?? `${field} cannot be compared by =`;
  }

  /** The event, with what is known. */
  get record(): EventRecord {
    return this.#record;
  }
}

/** What a rule can make of events that alerts tell of. */
export class Judged {
  readonly #rule: Rule;
  /** Alerts of one rule mostly show the same fields. */
  readonly #refuters = new Map<string, Refuter<EventRecord>>();

  constructor(rule: Rule) {
    this.#rule = rule;
  }

  /** By what the event's alert shows; see Refuter. */
  of({ known }: SeenEvent): Refuter<EventRecord> {
    const key = known.join(' ');
    let made = this.#refuters.get(key);
    if (made === undefined) {
      const names = new Set(known);
      made = refuter(this.#rule, recordForm, ({ text }) => !names.has(text));
      this.#refuters.set(key, made);
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
