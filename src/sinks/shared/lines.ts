/** Events as lines for people and programs: what the sinks stdout and file print. */

import { z } from 'zod';
import type { Demands } from '../../core/component.ts';
import type { Event, Value } from '../../core/event.ts';
import { encodeEach, WriteError } from '../../core/failure/write-error.ts';
import { visible } from '../../core/visible.ts';
import { alertJson, alertText } from '../../events/alert.ts';
import { EventRecord } from '../../events/record.ts';
import { recordJson } from '../../events/record-json.ts';
import { redactCommon, redacted } from '../../events/redact.ts';
import { clockTime, iso8601 } from '../../events/time.ts';
import { type Writer, WrittenInPart } from './writer.ts';

/** The key of every sink whose events leave this program: what is secret stays here unless it is told otherwise. */
export const redactKey = {
  redact: z
    .boolean()
    .default(true)
    .describe('Replace passwords, tokens and AWS keys in texts, as the operator `redact` does.'),
};

/** The keys of sinks that send each event to a service. */
export const sendKeys = {
  ...redactKey,
  fields: z
    .array(z.string())
    .optional()
    .describe('Fields to send of events that are not alerts. Default: a few that say who did what.'),
};

/** The keys of sinks that print lines. */
export const lineKeys = {
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe(
      'text: alerts as Falco prints them. json: one JSON object a line, alerts in the shape that Falco writes.',
    ),
  iso8601: z.boolean().default(false).describe('Times in text as ISO 8601 in UTC instead of the local time of day.'),
  ...redactKey,
  fields: z
    .array(z.string())
    .optional()
    .describe('Fields to print of events that are not alerts. Default: a few that say who did what.'),
};

/** Those of sinks whose lines other programs read. */
export const jsonLineKeys = {
  ...lineKeys,
  format: lineKeys.format
    .unwrap()
    .default('json')
    .describe(lineKeys.format.description ?? ''),
};

export interface LineConfig {
  readonly format: 'text' | 'json';
  readonly iso8601: boolean;
  readonly redact: boolean;
  readonly fields?: readonly string[] | undefined;
}

const WHO_DID_WHAT = ['evt.type', 'user.name', 'proc.cmdline', 'proc.pid', 'proc.pname', 'fd.name'];

/** The fields that lines need, by event source: all types; an alert is whole anyway. */
export function lineReads(config: Pick<LineConfig, 'fields'>, sources: readonly string[]): Demands {
  const fields = (source: string) => new Set(config.fields ?? (source === 'syscall' ? WHO_DID_WHAT : []));
  return new Map(sources.map((source) => [source, { fields: fields(source), types: 'all' as const }]));
}

const RED = 31;
const YELLOW = 33;
const CYAN = 36;
const COLOURS: Record<string, number> = {
  Emergency: RED,
  Alert: RED,
  Critical: RED,
  Error: RED,
  Warning: YELLOW,
  Notice: CYAN,
};

/** Who reads the lines: colours by priority, and for a terminal what it would obey is escaped. */
export interface Reader {
  readonly colours?: boolean;
  readonly terminal?: boolean;
}

/** A function that gives events as whole lines, one for each. */
export function linesOf(config: LineConfig, reader: Reader = {}): (events: readonly Event[]) => string[] {
  const line = lineOf(config, reader);
  return (events) => encodeEach(events, (event) => `${line(event)}\n`);
}

/** Writes the lines of events. When it is given up, only those are to be tried again whose lines are not there. */
export async function writeLines(
  writer: Pick<Writer, 'write'>,
  lines: readonly string[],
  events: readonly Event[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await writer.write(lines, signal);
  } catch (error) {
    if (!(error instanceof WrittenInPart)) throw error;
    throw new WriteError(error.message, { again: events.slice(error.lines) }, { cause: error });
  }
}

/** A function that gives the line of an event, without its end. */
export function lineOf(
  config: LineConfig,
  { colours = false, terminal = false }: Reader = {},
): (event: Event) => string {
  const plain = plainOf(config);
  const line = terminal ? (event: Event) => visible(plain(event)) : plain;
  if (!colours || config.format === 'json') return line;
  return (event) => {
    const colour = event.source === 'alert' ? COLOURS[String(event.get('priority'))] : undefined;
    return colour === undefined ? line(event) : `\u001b[${colour}m${line(event)}\u001b[0m`;
  };
}

function plainOf(config: LineConfig): (event: Event) => string {
  const { iso8601: iso, redact, format } = config;
  const shown = (event: Event) => (redact ? redacted(asRecord(event), redactCommon) : asRecord(event));
  if (format === 'json') {
    return (event) => (event.source === 'alert' ? alertJson(shown(event), { iso8601: iso }) : recordJson(shown(event)));
  }
  return (event) =>
    event.source === 'alert' ? alertText(shown(event), { iso8601: iso }) : sentence(shown(event), iso);
}

function asRecord(event: Event): EventRecord {
  if (event instanceof EventRecord) return event;
  throw new TypeError(`an event of ${event.source} came to a sink without having been made a record`);
}

// Its time as alerts beside it have theirs.
function sentence({ time, source, type, fields }: EventRecord, iso: boolean): string {
  const values = Object.entries(fields).map(([name, value]) => `${name}=${printed(value)}`);
  return [`${iso ? iso8601(time) : clockTime(time)}:`, source, type, ...values].join(' ');
}

// Quoted as JSON where blanks or control characters would make the line ambiguous.
function printed(value: Value): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return `(${value.map((item: Value) => printed(item)).join(',')})`;
  const text = String(value);
  return /^[^\s"\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
