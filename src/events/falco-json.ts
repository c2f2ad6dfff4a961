/** Falco's JSON of an alert, read: as Falco, falcosidekick and our own sinks write it (spec/falco-engine.md §3.3). */

import { type Alert, type AlertContent, makeAlert, type OutputFields } from './alert.ts';
import { evidence, isObject, text } from './cloud/document.ts';
import { parseTimestamp } from './cloud/timestamp.ts';
import type { Scalar, Value } from './field.ts';

export type ReadAlert = { readonly alert: Alert } | { readonly problem: string };

/** Time and priority, which Falco puts before the message of a rule. */
const LEAD = /^\S+: (?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) /;

/**
 * The alert of a parsed object. `received` (ns since the epoch) is its time where it has none; `id`: of an alert that
 * has one already. Never throws.
 */
export function readFalcoAlert(object: unknown, received: bigint, id?: string): ReadAlert {
  if (!isObject(object)) return { problem: 'It is no alert: it is no JSON object.' };
  const { rule, priority, output, hostname, source, tags, time, output_fields: fields } = object;
  if (typeof rule !== 'string' || rule === '') return { problem: 'It is no alert: it has no `rule`.' };
  if (typeof priority !== 'string' || priority === '') return { problem: 'It is no alert: it has no `priority`.' };
  const content: AlertContent = {
    rule,
    priority: priority.charAt(0).toUpperCase() + priority.slice(1).toLowerCase(),
    output: (text(output) ?? '').replace(LEAD, ''),
    hostname: text(hostname) ?? '',
    source: text(source) ?? '',
    tags: (Array.isArray(tags) ? tags : []).flatMap((tag) => text(tag) ?? []),
    outputFields: outputFields(fields),
  };
  return { alert: makeAlert(parseTimestamp(time) ?? received, content, id) };
}

function outputFields(fields: unknown): OutputFields {
  if (!isObject(fields)) return {};
  const entries = Object.entries(fields).filter(([name]) => !/^evt\.time(\.|$)/.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, fieldValue(value)]));
}

function fieldValue(value: unknown): Value | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(scalar);
  return scalar(value);
}

function scalar(value: unknown): Scalar {
  const fits = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return fits || typeof value === 'bigint' ? value : evidence(value);
}
