/** Events that tests give: written as fields, or as the documents that cloud services write. */

import { z } from 'zod';
import { duration } from '../core/config.ts';
import { suggest } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { toAlert } from '../events/alert.ts';
import { catalogues } from '../events/catalogue.ts';
import { type CloudSourceName, decodeDocument } from '../events/cloud/decode.ts';
import { cloudForm } from '../events/cloud/event.ts';
import { cloudSources } from '../events/cloud/sources.ts';
import type { Catalogue, FieldRef, FieldType, Form, Scalar, Value } from '../events/field.ts';
import { EventRecord, recordForm } from '../events/record.ts';
import type { Problem } from './problems.ts';

export const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** The value of a field of an event; null: the event has none, whatever the defaults say. */
const value = z.union([scalar, z.array(scalar)]).nullable();

export const eventKeys = {
  source: z.string().optional().describe('Its event source, where it is not that of the file.'),
  type: z.string().optional().describe('Its event type; a document tells its own.'),
  at: duration().optional().describe('How long after the start of the test it happened.'),
  after: duration().optional().describe('How long after the event before it happened. Default: 1 ms.'),
  fields: z.record(z.string(), value).optional().describe('Its fields, beside the defaults.'),
  document: z.record(z.string(), z.unknown()).optional().describe('A cloud event as its service writes it.'),
};

/** What an event must not say together. */
export function isConsistent({ fields, document, type, at, after }: Partial<Record<keyof typeof eventKeys, unknown>>) {
  const isTwice = at !== undefined && after !== undefined;
  return !isTwice && (document === undefined || (fields === undefined && type === undefined));
}
export const INCONSISTENT = 'an event has fields and a type, or a document; and `at` or `after`, not both';

export const eventShape = z.strictObject(eventKeys).refine(isConsistent, INCONSISTENT);

export type GivenEvent = z.output<typeof eventShape>;

/** An event, and how it is read. */
export interface MadeEvent {
  readonly event: Event;
  readonly form: Form;
  /** ms since the start of the test. */
  readonly at: number;
}

export interface Defaults {
  /** The event source that they are for, and that of events that do not say theirs. */
  readonly source: string;
  readonly values: Readonly<Record<string, unknown>>;
}

function isCloud(source: string): source is CloudSourceName {
  return cloudSources.has(source);
}

/** When the tests' time begins: 2026-01-01T00:00:00Z, in ms. */
export const START = Date.UTC(2026, 0, 1);

/** ms since the start of the test at which events happen that do not say it: so far apart. */
const APART = 1;

/** When each of some events happens, in ms since the start of the test. */
export function timesOf(events: readonly Pick<GivenEvent, 'at' | 'after'>[]): readonly number[] {
  let time = 0;
  return events.map(({ at, after }, index) => {
    time = at ?? time + (after ?? (index === 0 ? 0 : APART));
    return time;
  });
}

/** Makes an event; what is wrong with it is told by `problem`. `provided`: fields that operators have added to it. */
export function makeEvent(
  given: GivenEvent,
  at: number,
  defaults: Defaults,
  problem: (problem: Problem) => void,
  provided?: ReadonlySet<string>,
): MadeEvent | undefined {
  const source = given.source ?? defaults.source;
  const catalogue = catalogues.get(source);
  if (catalogue === undefined) {
    problem({
      path: given.source === undefined ? [] : ['source'],
      ...unknown('event source', source, catalogues.keys()),
    });
    return undefined;
  }
  const time = BigInt(Math.round((START + at) * 1000)) * 1000n;
  const own = source === defaults.source ? defaults.values : {};
  if (given.document !== undefined || (isCloud(source) && given.fields === undefined)) {
    if (!isCloud(source)) {
      problem({ path: ['document'], at: 'key', message: `${source} events have fields, not a document` });
      return undefined;
    }
    const decoded = decodeDocument(source, { ...own, ...given.document }, time);
    if ('event' in decoded) return { event: decoded.event, form: cloudForm(source) as Form, at };
    problem({ path: ['document'], message: `This is no ${source} event: ${decoded.problem}` });
    return undefined;
  }
  const { type, fields = {} } = given;
  if (type === undefined) {
    problem({ path: [], message: 'The event has no type', hint: `Say which ${source} event it is: type: ….` });
    return undefined;
  }
  if (catalogue.eventTypes !== undefined && !catalogue.eventTypes.names.has(type)) {
    problem({ path: ['type'], ...unknown(`${source} event`, type, catalogue.eventTypes.names) });
    return undefined;
  }
  const wrong = [...fieldProblems(fields, catalogue, provided)];
  for (const { path, ...rest } of wrong) problem({ ...rest, path: ['fields', ...path] });
  if (wrong.length > 0) return undefined;
  const all = Object.entries({ ...(isCloud(source) ? {} : own), ...fields }).filter(([, each]) => each !== null);
  const record = new EventRecord(source, type, time, Object.fromEntries(all) as Record<string, Value>);
  return { event: source === 'alert' ? toAlert(record) : record, form: recordForm as Form, at };
}

/** What is wrong with defaults. Of cloud events they are keys of documents, which may be any. */
export function* defaultProblems({ source, values }: Defaults, provided?: ReadonlySet<string>): Generator<Problem> {
  const catalogue = catalogues.get(source);
  if (catalogue !== undefined && !isCloud(source)) yield* fieldProblems(values, catalogue, provided);
}

/** Fields that events of a source do not have, and values that the fields cannot have. */
function* fieldProblems(
  fields: Readonly<Record<string, unknown>>,
  catalogue: Catalogue,
  provided: ReadonlySet<string> = new Set(),
): Generator<Problem> {
  for (const [name, given] of Object.entries(fields)) {
    const path = [name];
    const ref = fieldOf(name, catalogue);
    if (ref === undefined) {
      if (!provided.has(name)) yield { path, at: 'key', ...unknownField(name, catalogue) };
      continue;
    }
    const kind = kindOf(ref.field.type);
    const wrong = (Array.isArray(given) ? given : [given]).find((each) => each !== null && !isOf(kind, each as Scalar));
    if (wrong === undefined) continue;
    const hint = kind === 'text' ? 'Put it in quotes.' : undefined;
    yield { path, message: `${name} is ${kind}, not ${JSON.stringify(wrong)}`, ...(hint ? { hint } : {}) };
  }
}

/** An alert also has the fields of the event that it is about. */
function fieldOf(name: string, catalogue: Catalogue): FieldRef | undefined {
  if (catalogue.source !== 'alert') return catalogue.find(name);
  for (const each of [catalogue, ...catalogues.values()]) {
    const ref = each.find(name);
    if (ref) return ref;
  }
  return undefined;
}

/** What is said of a field that events of a source do not have. */
export function unknownField(name: string, { source, fields }: Catalogue): Pick<Problem, 'message' | 'hint'> {
  const known = fields.map((field) => field.name);
  return { message: `"${name}" is no field of ${source} events`, ...hintOf(name, known) };
}

function unknown(what: string, name: string, known: Iterable<string>): Pick<Problem, 'message' | 'hint'> {
  return { message: `There is no ${what} "${name}"`, ...hintOf(name, known) };
}

function hintOf(name: string, known: Iterable<string>): { hint?: string } {
  const near = suggest(name, known);
  return near === undefined ? {} : { hint: `Did you mean "${near}"?` };
}

type Kind = 'text' | 'a number' | 'true or false' | 'any';

function kindOf(type: FieldType): Kind {
  if (type === 'BOOL') return 'true or false';
  if (type === 'DYNAMIC') return 'any';
  return ['CHARBUF', 'FSPATH', 'BYTEBUF', 'IPADDR', 'IPNET'].includes(type) ? 'text' : 'a number';
}

function isOf(kind: Kind, given: Scalar): boolean {
  if (kind === 'any') return true;
  return typeof given === { text: 'string', 'a number': 'number', 'true or false': 'boolean' }[kind];
}
