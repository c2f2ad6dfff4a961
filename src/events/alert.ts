/** The event source `alert`: what a rule raised, as an event, and as the text and JSON that Falco writes. */

import { hash } from 'node:crypto';
import { alertFields } from './alert-fields.ts';
import { exactJson } from './exact-json.ts';
import type { Value } from './field.ts';
import { EventRecord } from './record.ts';
import { clockTime, iso8601, rfc3339 } from './time.ts';

/** The fields that a rule prints, by name; null: asked for and absent on the event. */
export type OutputFields = Readonly<Record<string, Value | null>>;

export interface AlertContent {
  readonly rule: string;
  /** `Critical`, `Warning`, …: capitalised and whole, as Falco prints it. */
  readonly priority: string;
  /** In any order; an alert keeps them sorted. */
  readonly tags: readonly string[];
  readonly hostname: string;
  /** The message, without time and priority. */
  readonly output: string;
  /** The event source of the event that matched. */
  readonly source: string;
  readonly outputFields: OutputFields;
  /** What tells the event apart from every other, the same each time it is delivered. Default: eventIdentity. */
  readonly identity?: string | undefined;
}

/**
 * An alert: an event of type RULE whose fields are `rule`, `priority`, `tags`, `hostname`, `output`, `source`, `id` and
 * every output field that is present. `outputFields` also names the absent ones.
 */
export class Alert extends EventRecord {
  readonly outputFields: OutputFields;
  // Hashing costs more than the rest of an alert, and few read it: it is done when somebody does.
  #id: string | (() => string);

  /** `id`: of an alert that has one already, or how to make it. */
  constructor(
    time: bigint,
    own: Readonly<Record<string, Value>>,
    outputFields: OutputFields,
    id: string | (() => string),
  ) {
    const fields: Record<string, Value> = {};
    for (const name in outputFields) {
      const value = outputFields[name];
      if (value !== null && value !== undefined) fields[name] = value;
    }
    super('alert', String(own.rule ?? ''), time, Object.assign(fields, own));
    this.outputFields = outputFields;
    this.#id = id;
  }

  /** 32 hex digits, the same for the same event and rule. */
  get id(): string {
    if (typeof this.#id === 'function') this.#id = this.#id();
    return this.#id;
  }

  override get(field: string): Value | undefined {
    return field === 'id' ? this.id : super.get(field);
  }

  override with(fields: Readonly<Record<string, Value>>): Alert {
    return alertOf(this.time, fields, {}, this.id);
  }
}

/** The alert that `content` describes, about an event at `time` (ns since the epoch). `known`: the id of one that has one already. */
export function makeAlert(time: bigint, content: AlertContent, known?: string): Alert {
  const { rule, priority, hostname, output, source, outputFields } = content;
  const tags = isSorted(content.tags) ? content.tags : [...new Set(content.tags)].sort();
  const id = known ?? (() => alertId(content.identity ?? eventIdentity(time, content), rule));
  return new Alert(time, { rule, priority, tags, hostname, output, source }, outputFields, id);
}

/** Whether each is above the one before it. */
function isSorted(texts: readonly string[]): boolean {
  return texts.every((text, index) => index === 0 || (texts[index - 1] as string) < text);
}

const ownNames: ReadonlySet<string> = new Set(alertFields.map(({ name }) => name));

/** An alert again of a record of the event source `alert`: one that was read, or made by an operator. */
export function toAlert(record: EventRecord, absent: readonly string[] = []): Alert {
  if (record instanceof Alert) return record;
  const missing = Object.fromEntries(absent.map((name) => [name, null]));
  return alertOf(record.time, { rule: record.type, ...record.fields }, missing, record.fields.id);
}

function alertOf(
  time: bigint,
  fields: Readonly<Record<string, Value>>,
  absent: OutputFields,
  id: Value | undefined,
): Alert {
  const own: Record<string, Value> = {};
  const outputFields: Record<string, Value | null> = { ...absent };
  for (const [name, value] of Object.entries(fields)) {
    if (name !== 'id') (ownNames.has(name) ? own : outputFields)[name] = value;
  }
  const { rule, source, hostname } = own as { rule: string; source: string; hostname: string };
  const made = () => alertId(eventIdentity(time, { source, hostname, outputFields }), rule);
  return new Alert(time, own, outputFields, typeof id === 'string' ? id : made);
}

/**
 * What is known of an event wherever it is delivered: source, time, and what its rule prints; the host too for system
 * calls. (A cloud event may reach any replica, so the host that saw it says nothing.)
 */
function eventIdentity(
  time: bigint,
  { source, hostname, outputFields }: Pick<AlertContent, 'source' | 'hostname' | 'outputFields'>,
): string {
  const fields = Object.entries(outputFields)
    .filter(([name]) => name !== 'evt.num')
    .sort(byName);
  const host = source === 'syscall' ? hostname : '';
  return JSON.stringify([source, host, exactJson(time), fields.map(([name, value]) => [name, falcoValue(value)])]);
}

/** The deterministic id of an alert: 32 hex digits of SHA-256 over the event's identity and the rule's name. */
export function alertId(identity: string, rule: string): string {
  return hash('sha256', `${identity}\0${rule}`, 'hex').slice(0, 32);
}

export interface AlertShape {
  /** Times as ISO 8601 in UTC instead of the local time of day (Falco's `time_format_iso_8601`). */
  readonly iso8601?: boolean;
  /** Parts of the JSON, Falco's `json_include_*_property`: all but `message` by default. */
  readonly output?: boolean;
  readonly message?: boolean;
  readonly tags?: boolean;
  readonly outputFields?: boolean;
}

/** `TIME: PRIORITY MESSAGE`, not escaped. */
function sentence(alert: EventRecord, shape: AlertShape): string {
  const time = shape.iso8601 ? iso8601(alert.time) : clockTime(alert.time);
  return `${time}: ${text(alert, 'priority')} ${text(alert, 'output')}`;
}

/** Falco's text line (spec/falco-engine.md §3.2), without the line end: control characters and quotes are escaped. */
export function alertText(alert: EventRecord, shape: AlertShape = {}): string {
  return JSON.stringify(sentence(alert, shape)).slice(1, -1);
}

/** Falco's JSON object (spec/falco-engine.md §3.3), without the line end: keys sorted, integers exact. */
export function alertJson(record: EventRecord, shape: AlertShape = {}): string {
  const alert = toAlert(record);
  const { output = true, message = false, tags = true, outputFields = true } = shape;
  let json = `{"hostname":${quoted(text(alert, 'hostname'))}`;
  if (message) json += `,"message":${quoted(text(alert, 'output'))}`;
  if (output) json += `,"output":${quoted(sentence(alert, shape))}`;
  if (outputFields) json += `,"output_fields":${fieldsJson(alert, shape)}`;
  json += `,"priority":${quoted(text(alert, 'priority'))},"rule":${quoted(text(alert, 'rule'))}`;
  json += `,"source":${quoted(text(alert, 'source'))}`;
  if (tags) json += `,"tags":${falcoJson(alert.fields.tags ?? [])}`;
  return `${json},"time":${quoted(rfc3339(alert.time))}}`;
}

// Written piece by piece: an object that is made for JSON.stringify costs more than its text.
function fieldsJson({ outputFields, time }: Alert, shape: AlertShape): string {
  const timeField = shape.iso8601 ? 'evt.time.iso8601' : 'evt.time';
  const names = Object.keys(outputFields);
  if (!(timeField in outputFields)) names.push(timeField);
  let json = '';
  for (const name of names.sort()) {
    // Falco gives every form of the event's time as its nanoseconds.
    const value = isTime(name) ? time : outputFields[name];
    if (value !== undefined) json += `${json === '' ? '{' : ','}${quoted(name)}:${falcoJson(value)}`;
  }
  return `${json}}`;
}

const isTime = (name: string) => name.startsWith('evt.') && /^evt\.(?:date)?time\b/.test(name);

const quoted = (text: string) => JSON.stringify(text);

/** What JSON.stringify makes of `falcoValue`. */
function falcoJson(value: Value | null): string {
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'bigint' ? String(value) : JSON.stringify(falcoValue(value));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A value as Falco's JSON has it: integers in full, bytes as text with dots for what cannot be printed. */
function falcoValue(value: Value | null): unknown {
  return exactJson(value, (bytes) => Array.from(bytes, printable).join(''));
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
}

function text(record: EventRecord, field: string): string {
  const value = record.fields[field];
  return typeof value === 'string' ? value : '';
}
