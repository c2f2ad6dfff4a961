/** The event source `vcd_audit`: items of the audit trail, and messages of the event bus. */

import { isObject, type JsonObject, member, nonEmptyText, ownMember, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import type { CloudSource } from '../cloud/table.ts';
import { readJson } from '../exact-json.ts';
import { entityIdOf, shortTypeOf, statusOf, vcdFields } from './fields.ts';

const URN = 'urn:vcloud:audit:';

export const vcdAudit: CloudSource = {
  source: 'vcd_audit',
  fields: vcdFields,
  tell(given) {
    const document = unwrapped(given);
    const type = shortTypeOf({ document });
    if (!type) return 'It is no event of VMware Cloud Director: it has neither eventType nor type.';
    const id = nonEmptyText(document.eventId);
    return { times: [document.timestamp], type, id: id?.startsWith(URN) ? id.slice(URN.length) : id, document };
  },
  info: lineOf,
};

/** A message of the bus has the event as text, and some of it in its headers too. */
function unwrapped(document: JsonObject): JsonObject {
  const { headers, payload } = document;
  if (typeof payload !== 'string' && !isObject(payload)) return document;
  const event = typeof payload === 'string' ? readJson(payload) : payload;
  const header = (name: string) => ownMember(headers, `notification.${name}`);
  const told = { type: header('type'), operationSuccess: header('operationSuccess') };
  return isObject(event) ? { ...told, ...event } : document;
}

/** `jane@acme session/login FAILURE urn:vcloud:user:…`. */
function lineOf(event: CloudEvent): string {
  const { user, operatingOrg, eventEntity } = event.document;
  const [name, org] = [text(member(user, 'name')), text(member(operatingOrg, 'name'))];
  const who = name === undefined || org === undefined ? name : `${name}@${org}`;
  const what = text(member(eventEntity, 'name')) ?? entityIdOf(event);
  return [who, event.type, statusOf(event), what].filter((part) => part !== undefined).join(' ');
}
