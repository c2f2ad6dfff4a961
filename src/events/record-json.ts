/** Records as lines of JSON: what `record` writes, `replay` and tests read, and NATS and dead letters carry. */

import { type Diagnostic, messageOf, type Place, suggest } from '../core/errors.ts';
import { Alert, toAlert } from './alert.ts';
import { exactJson, parseExact } from './exact-json.ts';
import type { Scalar, Value } from './field.ts';
import { EventRecord } from './record.ts';

/** The version of the form of records; a new major cannot be read by an older program. */
export const recordSchemaVersion = '1.0';

/** JSON Schema of one record. */
export const recordSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Record',
  description: 'An event with the fields that something reads.',
  type: 'object',
  required: ['source', 'time', 'type', 'fields'],
  additionalProperties: false,
  properties: {
    source: { type: 'string', minLength: 1, description: 'The event source: syscall, aws_cloudtrail, alert, …' },
    time: { type: 'integer', description: 'When it happened: nanoseconds since 1970, exact.' },
    type: { type: 'string', description: 'The event type: openat, ConsoleLogin; for an alert the name of its rule.' },
    fields: {
      type: 'object',
      description: 'Values by the text of the field: proc.name, proc.aname[2], evt.arg.flags.',
      additionalProperties: {
        anyOf: [
          { $ref: '#/$defs/scalar' },
          { type: 'array', items: { $ref: '#/$defs/scalar' } },
          { type: 'null', description: 'Asked for, and absent on the event.' },
        ],
      },
    },
  },
  $defs: {
    scalar: {
      anyOf: [
        { type: ['string', 'number', 'boolean'] },
        {
          type: 'object',
          required: ['$bytes'],
          additionalProperties: false,
          properties: { $bytes: { type: 'string', contentEncoding: 'base64', description: 'Bytes that are no text.' } },
        },
      ],
    },
  },
} as const;

const keys = recordSchema.required;
const SHAPE = 'Each line holds one record: {"source": …, "time": …, "type": …, "fields": {…}}.';

const NO_ALERT = `An alert has only what its rule prints. Events are recorded with 'falco-pipe record FILE'. ${SHAPE}`;

/** One line of JSON, without the line end; integers exact, bytes as `{"$bytes": BASE64}`. Numbers must be finite. */
export function recordJson(record: EventRecord): string {
  const given: Readonly<Record<string, Value | null>> =
    record instanceof Alert ? { ...record.outputFields, ...record.fields, id: record.id } : record.fields;
  const fields = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, exactJson(value)]));
  return JSON.stringify({ source: record.source, time: exactJson(record.time), type: record.type, fields });
}

export type ParsedRecord = { readonly record: EventRecord } | { readonly problem: Diagnostic };

/** Where a line stands; `line` counts from 1. */
export interface LineOrigin {
  readonly file: string;
  readonly line: number;
}

/** What is wrong with a record, and at which piece of its text. */
class Mismatch extends Error {
  readonly near: string;
  readonly hint: string | undefined;
  constructor(message: string, near: string, hint?: string) {
    super(message);
    this.near = near;
    this.hint = hint;
  }
}

/** Reads a line that recordJson wrote, or a person. Never throws: what is wrong comes back as a diagnostic. */
export function parseRecord(line: string, origin: LineOrigin): ParsedRecord {
  try {
    return { record: toRecord(parseLine(line)) };
  } catch (error) {
    return { problem: error instanceof Mismatch ? explain(error, line, origin) : explainSyntax(error, line, origin) };
  }
}

/** What recordJson writes starts so. */
const START = /^\{"source":"[^"\\]*","time":(-?\d+),/;

/** Reading the text of every number costs eight times a plain JSON.parse, so that is done only where one would lose. */
function parseLine(line: string): unknown {
  const start = START.exec(line);
  if (start === null) return parseExact(line);
  const object = JSON.parse(line);
  const time = BigInt(start[1] ?? 0);
  if (Number(time) !== object.time || hasLossyInteger(object.fields)) return parseExact(line);
  object.time = time;
  return object;
}

function hasLossyInteger(fields: unknown): boolean {
  const lossy = (value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value);
  const values = typeof fields === 'object' && fields !== null ? Object.values(fields) : [];
  return values.some((value) => lossy(value) || (Array.isArray(value) && value.some(lossy)));
}

function toRecord(value: unknown): EventRecord {
  const object = asObject(value, '', 'a record');
  if ('rule' in object && 'output' in object) throw new Mismatch('this is an alert, not a record', 'rule', NO_ALERT);
  for (const key of Object.keys(object)) if (!(keys as readonly string[]).includes(key)) unknownKey(key);
  for (const key of keys) {
    if (object[key] === undefined) throw new Mismatch(`the record has no '${key}'`, '', SHAPE);
  }
  const source = asText(object.source, 'source');
  const type = asText(object.type, 'type');
  const time = asTime(object.time);
  const present: [string, Value][] = [];
  const absent: string[] = [];
  for (const [name, given] of Object.entries(asObject(object.fields, 'fields', "'fields'"))) {
    if (given === null) absent.push(name);
    else present.push([name, asValue(given, name)]);
  }
  const record = new EventRecord(source, type, time, Object.fromEntries(present));
  return source === 'alert' ? toAlert(record, absent) : record;
}

function unknownKey(key: string): never {
  const meant = suggest(key, keys);
  const hint = meant === undefined ? `Fields of the event belong under 'fields'.` : `Did you mean '${meant}'?`;
  throw new Mismatch(`a record has no key '${key}'`, key, hint);
}

function asObject(value: unknown, near: string, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Mismatch(`${what} must be an object, not ${nameOf(value)}`, near);
}

function asText(value: unknown, key: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Mismatch(`'${key}' must be a text, not ${nameOf(value)}`, key);
}

function asTime(value: unknown): bigint {
  if (typeof value === 'bigint' || Number.isInteger(value)) return BigInt(value as bigint | number);
  const hint = 'Write nanoseconds since 1970, for example 1700000000000000000.';
  throw new Mismatch(`'time' must be an integer, not ${nameOf(value)}`, 'time', hint);
}

function asValue(value: unknown, name: string): Value {
  return Array.isArray(value) ? value.map((item) => asScalar(item, name)) : asScalar(value, name);
}

function asScalar(value: unknown, name: string): Scalar {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return asBytes(value, name);
  const hint = 'A value is text, a number, true, false, {"$bytes": BASE64}, or an array of these.';
  throw new Mismatch(`field '${name}' cannot be ${nameOf(value)}`, name, hint);
}

function asBytes(value: object, name: string): Uint8Array {
  const { $bytes, ...others } = value as { $bytes?: unknown };
  if (typeof $bytes !== 'string' || Object.keys(others).length > 0) {
    throw new Mismatch(`field '${name}' cannot be an object`, name, 'Bytes are written {"$bytes": BASE64}.');
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test($bytes) || $bytes.length % 4 !== 0) {
    throw new Mismatch(`field '${name}': '$bytes' is not base64`, name);
  }
  return new Uint8Array(Buffer.from($bytes, 'base64'));
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === '') return 'an empty text';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? `the text '${value.slice(0, 40)}'` : `${String(value).slice(0, 40)}`;
}

function explain({ message, near, hint }: Mismatch, line: string, origin: LineOrigin): Diagnostic {
  const quoted = JSON.stringify(near);
  const at = near === '' ? -1 : line.indexOf(quoted);
  const place: Place = at < 0 ? { ...origin, column: 1 } : { ...origin, column: at + 1, length: quoted.length };
  return { severity: 'error', code: 'RECORD_SHAPE', message, at: place, ...(hint === undefined ? {} : { hint }) };
}

function explainSyntax(error: unknown, line: string, origin: LineOrigin): Diagnostic {
  const position = /position (\d+)/.exec(messageOf(error))?.[1];
  const column = position === undefined ? Math.max(1, line.length) : Number(position) + 1;
  const at = { ...origin, column };
  return { severity: 'error', code: 'RECORD_SYNTAX', message: 'this line is not JSON', at, hint: SHAPE };
}
