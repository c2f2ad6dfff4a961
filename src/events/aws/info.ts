/** A CloudTrail record in one line: `ct.info` and `evt.plugininfo`. */

import { at, count, member, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { userOf } from './identity.ts';

const SUFFIX = '.amazonaws.com';

/** `ct.shortsrc`: the service, such as `s3`. */
export function shortSourceOf(event: CloudEvent): string | undefined {
  const source = text(event.top('eventSource'));
  return source !== undefined && source.length > SUFFIX.length && source.endsWith(SUFFIX)
    ? source.slice(0, -SUFFIX.length)
    : source;
}

/** `s3.uri`: only where both bucket and key are named. */
export function uriOf({ document }: CloudEvent): string | undefined {
  const bucket = member(document.requestParameters, 'bucketName');
  const key = member(document.requestParameters, 'key');
  return typeof bucket === 'string' && typeof key === 'string' ? `s3://${bucket}/${key}` : undefined;
}

/** `s3.bytes`: those of either direction. */
export function bytesOf({ document }: CloudEvent): number | bigint | undefined {
  const received = count(member(document.additionalEventData, 'bytesTransferredIn'));
  const sent = count(member(document.additionalEventData, 'bytesTransferredOut'));
  if (received === undefined || sent === undefined) return received ?? sent;
  const sum = BigInt(received) + BigInt(sent);
  return sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : sum;
}

/** A flag as text; CloudTrail writes some of them as texts. */
export function flagOf(value: unknown): 'true' | 'false' | undefined {
  if (value === undefined || value === null) return undefined;
  return value === true || value === 'true' || value === 'True' ? 'true' : 'false';
}

const FLAGS = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'] as const;

/** `ct.info`. */
export function infoOf(event: CloudEvent): string {
  const { document } = event;
  const user = userOf(event);
  const address = text(document.sourceIPAddress);
  const name = text(document.eventName);
  if (user === undefined) return invalid('userIdentity');
  if (address === undefined) return invalid('sourceIPAddress');
  if (name === undefined) return invalid('eventName');
  const failed = text(document.errorCode) === undefined ? '' : '!';
  const arrow = flagOf(document.readOnly) === 'false' ? '→' : '←';
  const who = user === address ? user : `${user} via ${address}`;
  return `${who} ${failed}${arrow} ${name}${sizeOf(event)}${targetOf(event)}${name === 'PutBucketPublicAccessBlock' ? flagsOf(event) : ''}`;
}

function sizeOf(event: CloudEvent): string {
  const bytes = bytesOf(event);
  return bytes === undefined ? '' : ` Size=${bytes}`;
}

function targetOf(event: CloudEvent): string {
  const uri = uriOf(event);
  if (uri !== undefined) return ` URI=${uri}`;
  for (const [label, key] of [
    ['Bucket', 'bucketName'],
    ['Key', 'key'],
    ['Host', 'Host'],
  ] as const) {
    const value = text(member(event.document.requestParameters, key));
    if (value !== undefined) return ` ${label}=${value}`;
  }
  return '';
}

function flagsOf({ document }: CloudEvent): string {
  const block = at(document, ['requestParameters', 'PublicAccessBlockConfiguration']);
  return FLAGS.map((flag) => ` ${flag}=${text(member(block, flag)) ?? 'false'}`).join('');
}

function invalid(key: string): string {
  return `<invalid cloudtrail event: ${key} field missing>`;
}

/** `evt.plugininfo`: region, user, service and name, then `ct.info`. */
export function pluginInfoOf(event: CloudEvent): string {
  const { document } = event;
  const parts = [
    text(document.awsRegion),
    userOf(event),
    shortSourceOf(event),
    text(document.eventName),
    infoOf(event),
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}
