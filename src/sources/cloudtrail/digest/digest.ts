/** Digest files of CloudTrail: what they say, and whether AWS has signed it (spec/cloud-sources.md §1.5). */

import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';

const NAME = /(?:^|\/)(\d{12})_CloudTrail-Digest_([^_/]+)_(.+)_([^_/]+)_(\d{8}T\d{6}Z)\.json\.gz$/;

const logFile = z.object({
  s3Bucket: z.string(),
  s3Object: z.string(),
  hashValue: z.string(),
  hashAlgorithm: z.string(),
});

const shape = z.object({
  awsAccountId: z.string(),
  digestStartTime: z.string(),
  digestEndTime: z.string(),
  digestS3Bucket: z.string(),
  digestS3Object: z.string(),
  digestPublicKeyFingerprint: z.string(),
  digestSignatureAlgorithm: z.string(),
  previousDigestS3Bucket: z.string().nullable(),
  previousDigestS3Object: z.string().nullable(),
  previousDigestHashValue: z.string().nullable(),
  previousDigestSignature: z.string().nullable(),
  logFiles: z.array(logFile),
});

export type Digest = z.output<typeof shape>;
export type DigestLogFile = z.output<typeof logFile>;

/** What the key of a digest tells. */
export interface DigestName {
  readonly key: string;
  readonly region: string;
  readonly trail: string;
  /** When it was made: ms since the epoch. */
  readonly time: number;
}

/** Undefined where a key is that of no digest. */
export function parseDigestKey(key: string): DigestName | undefined {
  const [, , region, trail, , stamp] = NAME.exec(key) ?? [];
  if (region === undefined || trail === undefined || stamp === undefined) return undefined;
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return { key, region, trail, time: Date.parse(iso) };
}

/** The digest in these bytes, not compressed; a sentence where they are none. */
export function parseDigest(bytes: Buffer): Digest | string {
  try {
    const parsed = shape.safeParse(JSON.parse(bytes.toString()));
    return parsed.success ? parsed.data : `it is no digest: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`;
  } catch {
    return 'it is no JSON';
  }
}

/** sha256 in hex. */
export const sha256 = (bytes: Buffer): string => hash('sha256', bytes, 'hex');

/** Whether AWS has signed the digest. `bytes` are those of the file, not compressed; `signature` is in hex. */
export function isSigned(digest: Digest, bytes: Buffer, signature: string, key: KeyObject): boolean {
  const { digestEndTime, digestS3Bucket, digestS3Object, previousDigestSignature, digestSignatureAlgorithm } = digest;
  if (digestSignatureAlgorithm !== 'SHA256withRSA') return false;
  // In a digest that begins a chain the signature before is the word null, as for the AWS command line.
  const text = [digestEndTime, `${digestS3Bucket}/${digestS3Object}`, sha256(bytes), previousDigestSignature ?? 'null'];
  return verify('sha256', Buffer.from(text.join('\n')), key, Buffer.from(signature, 'hex'));
}

/** A public key as ListPublicKeys gives it: DER of PKCS#1, or of SPKI. Undefined where it is neither. */
export function readKey(der: Uint8Array): KeyObject | undefined {
  for (const type of ['pkcs1', 'spki'] as const) {
    try {
      return createPublicKey({ key: Buffer.from(der), format: 'der', type });
    } catch {
      // The other one.
    }
  }
  return undefined;
}
