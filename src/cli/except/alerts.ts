/** Alerts that were written somewhere, read again, one document after the other: a day of them is not held. */

import { fileLines } from '../../core/files/file-lines.ts';
import type { Alert } from '../../events/alert.ts';
import { readFalcoAlert } from '../../events/falco-json.ts';
import { documents } from './documents.ts';
import { alertsIn, jsonIn } from './forms.ts';

/** An alert, or why there is none, and the line on which its document begins, from 1. */
export type Given = { readonly line: number } & ({ readonly alert: Alert } | { readonly problem: string });

/** What of a file that is something else is said beside the reason. */
export const HINT =
  "An alert is a line of JSON as Falco's json_output and the format json write it: its text names no rule.";

/**
 * Reads alerts from a file, or `-`: lines or lists of JSON, as `alertsIn` knows them, also behind the time and host of a
 * log, or over several lines, as jq prints them.
 * @throws UserError (exit 69) when it cannot be read
 */
export async function* readAlerts(path: string): AsyncGenerator<Given> {
  for await (const { line, text } of documents(fileLines(path, { what: 'alerts' }))) {
    const document = readDocument(text);
    if (typeof document === 'string') yield { line, problem: document };
    else for (const given of alertsOf(document.value)) yield { line, ...given };
  }
}

function alertsOf(value: unknown): readonly ({ readonly alert: Alert } | { readonly problem: string })[] {
  return alertsIn(value).map((found) => ('problem' in found ? found : readFalcoAlert(found.falco, 0n)));
}

/** The JSON of a text, or why there is none. */
function readDocument(text: string): { readonly value: unknown } | string {
  const value = jsonIn(text);
  if (Array.isArray(value) && value.length === 0) return 'this list is empty';
  if (value !== undefined) return { value };
  if (text.includes('{')) return 'this line is not JSON';
  return /\bCEF:\d\|/.test(text)
    ? 'this is CEF, which does not have the fields by their names'
    : 'there is no JSON on this line';
}
