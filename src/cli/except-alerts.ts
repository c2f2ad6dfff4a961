/** Alerts that were written somewhere, read again: lines of JSON, also where a log has put something before them. */

import { type Diagnostic, exitCode, UserError } from '../core/errors.ts';
import type { Alert } from '../events/alert.ts';
import { alertFields } from '../events/alert-fields.ts';
import { isObject, type JsonObject } from '../events/cloud/document.ts';
import { readJson } from '../events/exact-json.ts';
import { type ReadAlert, readFalcoAlert } from '../events/falco-json.ts';
import { readWhole } from './event-file.ts';

/** An alert, and the line on which it begins, from 1. */
export interface GivenAlert {
  readonly line: number;
  readonly alert: Alert;
}

export interface GivenAlerts {
  readonly alerts: readonly GivenAlert[];
  readonly text: string;
}

/**
 * Reads alerts from a file, or `-`: one a line as Falco and our sinks write them in JSON, records, CloudEvents, all of
 * them also behind the time and host of a log or in the message of its JSON; or one alert over several lines.
 * @throws UserError (exit 69, 78) that names each line that is none
 */
export async function readAlerts(path: string): Promise<GivenAlerts> {
  const text = await readWhole(path, 'alerts');
  const whole = /^\s*\{\s*\n/.test(text) ? alertIn(readJson(text)) : undefined;
  if (whole !== undefined && 'alert' in whole) {
    const line = text.slice(0, text.indexOf('{')).split('\n').length;
    return { text, alerts: [{ line, alert: whole.alert }] };
  }
  if (/^\s*\[/.test(text) && Array.isArray(readJson(text))) {
    const message = `${path} is a list in JSON; give one alert a line: jq -c '.[]' ${path}`;
    throw new UserError(message, { exit: exitCode.config });
  }
  const alerts: GivenAlert[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    const found = alertOn(content, { file: path, line: index + 1 });
    if ('alert' in found) alerts.push({ line: index + 1, alert: found.alert });
    else diagnostics.push(found.diagnostic);
  }
  if (diagnostics.length > 0) {
    const message = `${path} has ${diagnostics.length === 1 ? 'a line' : `${diagnostics.length} lines`} without an alert`;
    // Of a file that is something else each line would be named.
    const shown = diagnostics.slice(0, 5);
    throw new UserError(message, { exit: exitCode.config, diagnostics: shown, texts: [{ name: path, text }] });
  }
  if (alerts.length === 0) throw new UserError(`There is no alert in ${path}`, { exit: exitCode.config });
  return { text, alerts };
}

const HINT = "An alert is a line of JSON as Falco's json_output and the format json write it: its text names no rule.";

function alertOn(
  line: string,
  at: { readonly file: string; readonly line: number },
): { readonly alert: Alert } | { readonly diagnostic: Diagnostic } {
  const diagnostic = (message: string, column: number, hint?: string) => ({
    diagnostic: {
      severity: 'error' as const,
      code: 'ALERT_SHAPE',
      message,
      at: { ...at, column },
      ...(hint === undefined ? {} : { hint }),
    },
  });
  const start = line.indexOf('{');
  if (start < 0) return diagnostic('there is no JSON on this line', 1, HINT);
  const json = line.slice(start, line.lastIndexOf('}') + 1);
  const value = readJson(json);
  if (value === undefined) return diagnostic('this line is not JSON', start + 1, HINT);
  const found = alertIn(value);
  return 'alert' in found ? found : diagnostic(found.problem, start + 1, HINT);
}

/** Where logs and envelopes have what they carry: CloudEvents, Elasticsearch, container runtimes, the journal, Splunk. */
const ENVELOPES = ['data', '_source', 'log', 'MESSAGE', 'message', '_raw', 'result'];

function alertIn(value: unknown, depth = 0): ReadAlert {
  // The attributes of a CloudEvent name the rule too.
  if (isObject(value) && !isObject(value.output_fields) && depth < 3) {
    if (value.source === 'alert' && isObject(value.fields)) return readFalcoAlert(asFalco(value.fields), 0n);
    for (const key of ENVELOPES) {
      const inner = value[key];
      const content = typeof inner === 'string' ? readJson(inner.slice(Math.max(0, inner.indexOf('{')))) : inner;
      if (!isObject(content)) continue;
      const found = alertIn(content, depth + 1);
      if ('alert' in found) return found;
    }
  }
  return readFalcoAlert(value, 0n);
}

const ownNames: ReadonlySet<string> = new Set(alertFields.map(({ name }) => name));

/** A record of the event source `alert` has the output fields beside its own. */
function asFalco(fields: JsonObject): JsonObject {
  const others = Object.entries(fields).filter(([name]) => !ownNames.has(name));
  return { ...fields, output_fields: Object.fromEntries(others) };
}
