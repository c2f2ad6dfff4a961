/** The event source `azure_audit`. */

import { isObject, type JsonObject, nonEmptyText, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import type { CloudSource, Origin } from '../cloud/table.ts';
import { readJson } from '../exact-json.ts';
import { azureFields } from './fields.ts';
import { callerAddressOf, resultOf } from './outcome.ts';
import { categoryOf, find, first, operationOf } from './read.ts';

const TIMES = [
  'time',
  'properties.createdDateTime',
  'properties.activityDateTime',
  'properties.eventTimestamp',
  'eventTimestamp',
];

export const azureAudit: CloudSource = {
  source: 'azure_audit',
  fields: azureFields,
  tell(given, origin) {
    const document = withProperties(given);
    const event = { document };
    const type = operationOf(event) || categoryOf(event);
    if (!type) return 'It is no Azure record: it has neither operationName nor category.';
    const times = TIMES.map((keys) => find(event, keys));
    return { times, type, id: idOf(event, type, text(times[0]), origin), document };
  },
  info: lineOf,
};

/** Some exports have the properties as the text of JSON. */
function withProperties(document: JsonObject): JsonObject {
  const name = Object.keys(document).find((key) => key.toLowerCase() === 'properties');
  const given = name === undefined ? undefined : document[name];
  if (name === undefined || typeof given !== 'string' || !given.startsWith('{')) return document;
  const properties = readJson(given);
  return isObject(properties) ? { ...document, [name]: properties } : document;
}

const RESOURCE = 'resourceId';
const resource = first(RESOURCE);

/** spec/cloud-sources.md §2.5; the resource too, since one operation may be about several at the same instant. */
function idOf(
  event: Pick<CloudEvent, 'document'>,
  operation: string,
  time: string | undefined,
  origin: Origin | undefined,
): string | undefined {
  const own = nonEmptyText(find(event, 'properties.eventDataId')) ?? nonEmptyText(find(event, 'properties.id'));
  if (own !== undefined) return own;
  const correlation = nonEmptyText(find(event, 'correlationId'));
  if (correlation !== undefined)
    return [
      correlation,
      operation,
      text(find(event, 'resultType')) ?? '',
      time ?? '',
      text(find(event, RESOURCE)) ?? '',
    ].join('/');
  const [partition, sequence] = [origin?.['azure.eventhub.partition'], origin?.['azure.eventhub.seq']];
  // One of several in the body of an event of the hub.
  const place = [partition, sequence, origin?.['azure.eventhub.record'] ?? []].flat();
  return partition === undefined || sequence === undefined ? undefined : place.join('/');
}

/** `203.0.113.7 Microsoft.Storage/storageAccounts/delete success /subscriptions/…`. */
function lineOf(event: CloudEvent): string {
  const parts = [callerAddressOf(event), event.type, resultOf(event), resource(event)];
  return parts.filter((part) => part !== undefined).join(' ');
}
