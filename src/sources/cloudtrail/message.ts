/** What a message of a queue tells: which of the five shapes it has is told by its form (spec/cloud-sources.md §1.2). */

import { isObject, type JsonObject, member, text } from '../../events/cloud/document.ts';
import { readJson } from '../../events/exact-json.ts';

export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
}

export type Told =
  /** Log files to fetch. */
  | { readonly objects: readonly StoredObject[] }
  /** One event of EventBridge. */
  | { readonly record: JsonObject }
  /** Nothing to do: a service says that it has been set up. */
  | { readonly nothing: string }
  | { readonly problem: string };

/** SNS wraps what it delivers; more than one wrapping is no SNS. */
const WRAPPINGS = 2;

/** Reads the body of a message. Never throws. */
export function tellMessage(body: string, wrapped = 0): Told {
  const message = readJson(body);
  if (!isObject(message)) {
    // What CloudTrail says first, as plain text.
    if (/^CloudTrail validation message/i.test(body.trim())) return { nothing: 'CloudTrail has validated the topic' };
    return { problem: 'it is no JSON object' };
  }
  if (message.Type === 'Notification' && typeof message.Message === 'string') {
    return wrapped < WRAPPINGS ? tellMessage(message.Message, wrapped + 1) : { problem: 'it is wrapped too often' };
  }
  if (message.Event === 's3:TestEvent') return { nothing: 'S3 has tested the notification' };
  return ofCloudTrail(message) ?? ofBucket(message) ?? ofEventBridge(message) ?? { problem: 'its form is unknown' };
}

/** CloudTrail itself: the keys are as they are. */
function ofCloudTrail({ s3Bucket, s3ObjectKey }: JsonObject): Told | undefined {
  const bucket = text(s3Bucket);
  if (bucket === undefined || s3ObjectKey === undefined) return undefined;
  const keys = [s3ObjectKey].flat().flatMap((key) => text(key) ?? []);
  return keys.length === 0 ? { problem: 'it names no log file' } : { objects: keys.map((key) => ({ bucket, key })) };
}

/** A notification of a bucket: keys are encoded as in a form. */
function ofBucket({ Records: records }: JsonObject): Told | undefined {
  if (!Array.isArray(records)) return undefined;
  const objects: StoredObject[] = [];
  for (const record of records) {
    if (member(record, 'eventSource') !== 'aws:s3') return undefined;
    const stored = member(record, 's3');
    const bucket = text(member(member(stored, 'bucket'), 'name'));
    const key = decoded(text(member(member(stored, 'object'), 'key')));
    if (bucket === undefined || key === undefined) return { problem: 'a notification of S3 without bucket or key' };
    if (/^(?:s3:)?ObjectCreated:/.test(text(member(record, 'eventName')) ?? '')) objects.push({ bucket, key });
  }
  return objects.length === 0 ? { nothing: 'S3 tells of no new object' } : { objects };
}

/** EventBridge: an event of CloudTrail, or a new object; its key is as it is. */
function ofEventBridge({ detail, ...message }: JsonObject): Told | undefined {
  if (!isObject(detail) || message['detail-type'] === undefined) return undefined;
  if (detail.eventVersion !== undefined && (detail.eventID !== undefined || detail.eventName !== undefined)) {
    return { record: detail };
  }
  const bucket = text(member(detail.bucket, 'name'));
  const key = text(member(detail.object, 'key'));
  return bucket === undefined || key === undefined ? undefined : { objects: [{ bucket, key }] };
}

function decoded(key: string | undefined): string | undefined {
  try {
    return key && decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}
