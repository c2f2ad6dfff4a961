/** What the webhook of kube-apiserver sends, and what is in a line of its log. */

import { decodeDocument } from '../../events/cloud/decode.ts';
import { evidence, isObject } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import type { Origin } from '../../events/cloud/table.ts';

export interface Decoded {
  readonly events: readonly CloudEvent[];
  /** What is no event, and why. */
  readonly rejected: readonly { readonly text: string; readonly problem: string }[];
}

/**
 * The audit events of a parsed body: an Event, an EventList, or an array of either. One that is broken costs itself alone.
 * `received`: ns since the epoch; `origin`: as decodeDocument has it. Never throws.
 */
export function auditEvents(body: unknown, received: bigint, origin?: Origin): Decoded {
  const events: CloudEvent[] = [];
  const rejected: { text: string; problem: string }[] = [];
  for (const item of itemsOf(body)) {
    const decoded = decodeDocument('k8s_audit', item, received, origin);
    if ('event' in decoded) events.push(decoded.event);
    else rejected.push({ text: evidence(item), problem: decoded.problem });
  }
  return { events, rejected };
}

function itemsOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body.flatMap((each) => (isList(each) ? each.items : [each]));
  return isList(body) ? body.items : [body];
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return isObject(value) && value.kind !== 'Event' && Array.isArray(value.items);
}
