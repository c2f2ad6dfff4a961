/** What sinks to other systems send: alerts. Events that are none are sent as one, so that no drop stays unsaid there. */

import type { Event, Value } from '../../core/event.ts';
import { hostName } from '../../core/host.ts';
import { Alert, alertId, makeAlert, toAlert } from '../../events/alert.ts';
import { EventRecord } from '../../events/record.ts';
import { recordJson } from '../../events/record-json.ts';
import { redactCommon, redacted } from '../../events/redact.ts';

/** The alert of an event: itself, or one that tells of it, of priority Warning when something was lost. */
export function asAlert(event: Event, redact = false): Alert {
  if (!(event instanceof EventRecord)) throw new TypeError(`an event of ${event.source} is not a record`);
  const alert = event.source === 'alert' ? identified(toAlert(event)) : telling(event);
  return redact ? (redacted(alert, redactCommon) as Alert) : alert;
}

// An alert that was made by hand has no id; receivers tell repetitions by it.
function identified(alert: Alert): Alert {
  if (alert.id !== '') return alert;
  return new Alert(alert.time, alert.fields, alert.outputFields, () => alertId(recordJson(alert), alert.type));
}

const LOSSES: ReadonlySet<string> = new Set(['drop', 'error', 'gap']);

function telling({ source, type, time, fields }: EventRecord): Alert {
  const internal = source === 'internal';
  const values = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  return makeAlert(time, {
    rule: internal ? `falco-pipe internal: ${type}` : `${source} ${type}`,
    priority: internal && LOSSES.has(type) ? 'Warning' : 'Informational',
    tags: [],
    hostname: hostName(),
    output: internal ? String(fields['internal.message'] ?? type) : [type, ...values].join(' '),
    source,
    outputFields: fields,
  });
}

function shown(value: Value): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}
