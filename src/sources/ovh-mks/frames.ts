/** What Logs Data Platform sends: a frame has a GELF message as text, and that has the audit event as text. */

import { isObject } from '../../events/cloud/document.ts';
import { readJson } from '../../events/exact-json.ts';

/** The audit event of a frame and the application that it is of, that it is none for us, or why it cannot be read. */
export type Frame = { readonly document: unknown; readonly app: string | undefined } | { readonly problem: string };

/** Reads the text of a frame. Never throws. */
export function readFrame(text: string): Frame {
  const frame = readJson(text);
  if (!isObject(frame) || typeof frame.message !== 'string') return { problem: 'a frame has no `message`' };
  const gelf = readJson(frame.message);
  if (!isObject(gelf)) return { problem: 'the message of a frame is no JSON object' };
  const app = typeof gelf._appID === 'string' ? gelf._appID : undefined;
  const { short_message: event } = gelf;
  if (typeof event !== 'string') return { problem: 'a message has no `short_message`' };
  const document = readJson(event);
  return document === undefined ? { problem: 'the short_message of a message is not JSON' } : { document, app };
}
