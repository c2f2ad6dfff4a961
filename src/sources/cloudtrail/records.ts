/** From what the cloud worker gives to events. */

import type { SourceContext } from '../../core/component.ts';
import { decodeRecord } from '../../events/aws/record.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { JsonObject } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { type Heads, headKeys } from '../../events/cloud/heads.ts';
import { parseJson } from '../../events/exact-json.ts';
import { ABSENT, type Pack } from '../shared/cloud-worker/pack.ts';

/** What is shown of a record that is none, in characters. */
const SHOWN = 2000;

/** The events of a pack, in order. What is none is reported as dropped; `place` is where it was found. */
export function eventsOf(pack: Pack, place: string, ctx: Pick<SourceContext, 'report' | 'now'>): CloudEvent[] {
  const { ends, heads, parse, problems } = pack;
  const bytes = Buffer.from(pack.bytes.buffer, pack.bytes.byteOffset, pack.bytes.byteLength);
  const received = BigInt(ctx.now()) * 1_000_000n;
  const events: CloudEvent[] = [];
  for (let index = 0, start = 0; index < ends.length; index++) {
    const from = start;
    const end = ends[index] as number;
    const document = () => parseJson(bytes.toString('utf8', from, end)) as JsonObject;
    const decoded =
      parse[index] === 1
        ? decodeDocument('aws_cloudtrail', document(), received)
        : decodeRecord(headsOf(bytes, from, heads, index), document, received);
    if ('event' in decoded) events.push(decoded.event);
    else {
      const event = bytes.toString('utf8', from, Math.min(end, from + SHOWN));
      ctx.report('drop', { reason: 'bad_record', count: 1, message: `${place}: ${decoded.problem}`, event });
    }
    start = end;
  }
  for (const { reason, message, text } of problems) {
    ctx.report('drop', { reason, count: 1, message: `${place}: ${message}`, event: text });
  }
  return events;
}

function headsOf(bytes: Buffer, start: number, heads: Uint32Array, index: number): Heads {
  const at = index * headKeys.length * 2;
  const head = (key: number) => {
    const from = heads[at + key * 2] as number;
    return from === ABSENT
      ? undefined
      : bytes.toString('utf8', start + from, start + (heads[at + key * 2 + 1] as number));
  };
  // In the order of headKeys.
  return {
    eventName: head(0),
    eventSource: head(1),
    eventTime: head(2),
    eventID: head(3),
    errorCode: head(4),
    eventType: head(5),
  };
}
