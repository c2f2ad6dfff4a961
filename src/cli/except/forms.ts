/** Where documents have alerts: as Falco and our sinks write them, and in what logs, queries and services put around them. */

import { alertFields } from '../../events/alert-fields.ts';
import { isObject, items, type JsonObject, text } from '../../events/cloud/document.ts';
import { readJson } from '../../events/exact-json.ts';

/** An alert in the form of Falco's JSON, or why there is none. */
export type Found = { readonly falco: JsonObject } | { readonly problem: string };

/** Documents and lists in others, at most: a line of a stream of an answer of Loki, with the JSON of a container's log in it. */
const DEEPEST = 8;

/** What the keys hold that logs and services have for what they carry. */
const ENVELOPES = [
  ...['data', 'event', '_source', 'hits', 'log', 'MESSAGE', 'message', '_raw', 'result', 'raw_data'], // CloudEvents, Splunk, Elasticsearch, Docker, the journal, OCSF
  ...['streams', 'line', 'attributes', 'logs', 'alerts'], // Loki, logcli, Datadog
];

/** All alerts of a document; of what holds none, why. */
export function alertsIn(document: unknown, depth = 0): readonly Found[] {
  if (depth > DEEPEST) return [problem('It is no alert: it is in too many documents or lists.')];
  if (Array.isArray(document)) return document.flatMap((each) => alertsIn(each, depth + 1));
  if (!isObject(document)) return [problem('It is no alert: it is no JSON object.')];
  if (isObject(document.output_fields)) return [{ falco: document }];
  for (const form of forms) {
    const found = form(document, depth);
    if (found !== undefined) return found;
  }
  const inner = within(document, depth);
  if (inner.length > 0) return inner;
  return [{ falco: document }];
}

/** What the first envelope holds that has an alert, or what names its form. */
function within(document: JsonObject, depth: number): readonly Found[] {
  for (const key of ENVELOPES) {
    const content = contentOf(document[key]);
    const found = content === undefined ? [] : alertsIn(content, depth + 1);
    if (found.some((each) => 'problem' in each || typeof each.falco.rule === 'string')) return found;
  }
  return [];
}

/** What is in a key: JSON, or its text. */
function contentOf(value: unknown): unknown {
  const content = typeof value === 'string' ? jsonIn(value) : value;
  return isObject(content) || (Array.isArray(content) && content.some(isObject)) ? content : undefined;
}

/** The list or object of JSON that a text is, or an object that it has behind the head of a log; undefined: there is none. */
export function jsonIn(text: string): unknown {
  const list = /^\s*\[/.test(text) ? readJson(text) : undefined;
  const start = text.indexOf('{');
  return list ?? (start < 0 ? undefined : readJson(text.slice(start, text.lastIndexOf('}') + 1)));
}

const problem = (text: string): Found => ({ problem: text });

type Form = (document: JsonObject, depth: number) => readonly Found[] | undefined;

const ownNames: ReadonlySet<string> = new Set(alertFields.map(({ name }) => name));

/** A record of the event source `alert` has the output fields beside its own. */
const record: Form = ({ source, fields, type }) => {
  if (typeof source !== 'string' || typeof type !== 'string' || !isObject(fields)) return undefined;
  if (source !== 'alert') return [problem(`It is an event of the source ${source}, and no alert.`)];
  return [{ falco: { ...fields, output_fields: others(fields) } }];
};

function others(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !ownNames.has(name)));
}

const ecs: Form = (document) => {
  const { rule, falco, event } = document;
  if (!isObject(rule) || !isObject(falco)) return undefined;
  if (!isObject(falco.output_fields))
    return [problem('It is ECS without `falco.output_fields`, the fields as they are.')];
  const source = (text(isObject(event) ? event.dataset : '') ?? '').replace(/^falco\./, '');
  return [{ falco: { ...falco, rule: rule.name, source } }];
};

const ocsf: Form = ({ class_uid: uid, raw_data: raw }, depth) => {
  if (uid === undefined) return undefined;
  const content = contentOf(raw);
  if (content !== undefined) return alertsIn(content, depth + 1);
  return [problem('It is OCSF without `raw_data`, which has the alert with its fields as they are.')];
};

const otlp: Form = ({ resourceLogs: resources }, depth) => {
  if (!Array.isArray(resources)) return undefined;
  const scopes = resources.flatMap((each) => items(isObject(each) ? each.scopeLogs : undefined));
  const records = scopes.flatMap((each) => items(isObject(each) ? each.logRecords : undefined));
  return records.filter(isObject).flatMap((each) => logRecord(each, depth));
};

function logRecord({ attributes, severityText, body }: JsonObject, depth: number): readonly Found[] {
  const all = Object.fromEntries(
    items(attributes).flatMap((each) => (isObject(each) ? [[String(each.key), plain(each.value)]] : [])),
  );
  const { 'falco.rule': rule, 'falco.source': source, 'falco.tags': tags, 'falco.id': _, ...fields } = all;
  if (rule !== undefined) return [{ falco: { rule, source, tags, priority: severityText, output_fields: fields } }];
  // A collector that reads the file of a program has its line as the body.
  const content = contentOf(plain(body));
  return content === undefined ? [problem('It is an OTLP log without `falco.rule`.')] : alertsIn(content, depth + 1);
}

/** AnyValue in the JSON of protocol buffers: 64-bit integers are text. */
function plain(value: unknown): unknown {
  if (!isObject(value)) return null;
  const { stringValue, intValue, arrayValue } = value;
  if (stringValue !== undefined) return stringValue;
  if (intValue !== undefined) return readJson(String(intValue)) ?? null;
  if (arrayValue !== undefined) return items(isObject(arrayValue) ? arrayValue.values : undefined).map(plain);
  return value.boolValue ?? value.doubleValue ?? null;
}

const loki: Form = ({ stream, values }, depth) => {
  if (!isObject(stream) || !Array.isArray(values)) return undefined;
  return values.flatMap((entry) => {
    const content = contentOf(items(entry)[1]);
    if (content !== undefined) return alertsIn(content, depth + 1);
    return [
      problem('It is a line of Loki with the text alone, without fields: `line: json` of its format writes them.'),
    ];
  });
};

const pagerduty: Form = ({ payload }) => {
  const details = isObject(payload) ? payload.custom_details : undefined;
  return isObject(details) ? [{ falco: { ...details, output_fields: others(details) } }] : undefined;
};

const alertmanager: Form = ({ labels }) =>
  isObject(labels) && typeof labels.alertname === 'string'
    ? [problem('It is an alert of Alertmanager, whose labels are not the fields by their names.')]
    : undefined;

const chat: Form = ({ attachments }) =>
  Array.isArray(attachments)
    ? [problem('It is a message of Slack or Teams, which does not have the fields as they are.')]
    : undefined;

/** Before each document of a bulk request of Elasticsearch. */
const bulkAction: Form = (document) => {
  const [[key, action] = []] = Object.entries(document);
  return (key === 'create' || key === 'index') && isObject(action) && '_index' in action ? [] : undefined;
};

const forms: readonly Form[] = [record, ecs, ocsf, otlp, loki, pagerduty, alertmanager, chat, bulkAction];
