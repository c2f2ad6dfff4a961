/** From parsed JSON to an event: which time, type and id it has. */

import { isObject } from './document.ts';
import { CloudEvent } from './event.ts';
import { cloudSources } from './sources.ts';
import type { Origin } from './table.ts';
import { parseTimestamp } from './timestamp.ts';

export type CloudSourceName = 'aws_cloudtrail' | 'k8s_audit' | 'azure_audit' | 'vcd_audit';

/** An event, or why the document is none, as a sentence. */
export type Decoded = { readonly event: CloudEvent } | { readonly problem: string };

/**
 * Makes an event of a parsed document: finds its time, type and id as its event source has them. A document without a
 * readable time happened when it was `received` (ns since the epoch). `origin`: fields that the way it came tells of it, by
 * their texts (`azure.eventhub.partition`, `ka.cluster.name`, `vcd.topic`).
 */
export function decodeDocument(source: CloudSourceName, document: unknown, received: bigint, origin?: Origin): Decoded {
  if (!isObject(document)) return { problem: `It is ${nameOf(document)} where a JSON object is expected.` };
  const told = cloudSources.get(source)?.tell(document, origin);
  if (told === undefined) throw new TypeError(`no event source of cloud events: ${source}`);
  if (typeof told === 'string') return { problem: told };
  const time = told.times.map(parseTimestamp).find((each) => each !== undefined) ?? received;
  const content = { time, id: told.id, document: told.document ?? document, origin };
  return { event: new CloudEvent(source, told.type, content) };
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
