/** CloudTrail records whose JSON is parsed only when something asks for more than their heads. */

import type { Decoded } from '../cloud/decode.ts';
import type { JsonObject } from '../cloud/document.ts';
import { CloudEvent } from '../cloud/event.ts';
import type { Heads } from '../cloud/heads.ts';
import { parseTimestamp } from '../cloud/timestamp.ts';
import { NO_RECORD } from './source.ts';

// Many records in a row are of the same second.
let lastText: string | undefined;
let lastTime: bigint | undefined;

/** As decodeDocument of `aws_cloudtrail`: `parse` makes the document. */
export function decodeRecord(heads: Heads, parse: () => JsonObject, received: bigint): Decoded {
  const type = heads.eventName || heads.eventType;
  if (!type) return { problem: NO_RECORD };
  const text = heads.eventTime;
  if (text !== lastText) {
    lastText = text;
    lastTime = parseTimestamp(text);
  }
  const content = { id: heads.eventID || undefined, document: parse, heads };
  return { event: new CloudEvent('aws_cloudtrail', type, lastTime ?? received, content) };
}
