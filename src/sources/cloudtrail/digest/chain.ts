/** Following the chain of digests back in time, and checking each log file that they name. */

import type { KeyObject } from 'node:crypto';
import { messageOf } from '../../../core/errors.ts';
import { type Digest, type DigestLogFile, type DigestName, isSigned, parseDigest, sha256 } from './digest.ts';

/**
 * valid: as AWS wrote it. missing: it is gone. modified: it is another one than AWS wrote. invalid: AWS has not signed it.
 * gap: for a time there is no digest, so nothing can be told of its log files.
 */
export type Verdict = 'valid' | 'missing' | 'modified' | 'invalid' | 'gap';

export interface Finding {
  readonly what: 'digest' | 'log';
  readonly verdict: Verdict;
  /** The file, `s3://BUCKET/KEY`; of a gap the folder of the digests. */
  readonly file: string;
  readonly message: string;
}

/** A file as it is stored. */
export interface Stored {
  /** Not compressed. */
  readonly bytes: Buffer;
  /** Of a digest, in hex. */
  readonly signature: string | undefined;
}

/** Where digests, log files and keys come from. */
export interface Vault {
  /** A digest; undefined when it is not there. */
  digest(bucket: string, key: string): Promise<Stored | undefined>;
  /**
   * sha256, in hex, of a log file that is not compressed any more; undefined when it is not there. Rejects with an error of
   * zlib where it cannot be decompressed, with another one where it cannot be fetched.
   */
  logHash(bucket: string, key: string): Promise<string | undefined>;
  /** The public key with that fingerprint; undefined when AWS knows none. */
  key(fingerprint: string): Promise<KeyObject | undefined>;
}

/** A digest is made every hour; this much later there should be one, in ms. */
const EXPECTED = 2 * 3_600_000;

export interface Span {
  /** ms since the epoch. */
  readonly from: number;
  readonly until: number;
}

/**
 * Checks the digests of one trail in one region, the newest first, and the log files that they name. `names` are those in
 * the bucket, also some before and after the span. `folder` names them in findings.
 */
export async function* checkChain(
  names: readonly DigestName[],
  { bucket, folder, span }: { readonly bucket: string; readonly folder: string; readonly span: Span },
  vault: Vault,
): AsyncGenerator<Finding> {
  const sorted = names.toSorted((a, b) => b.time - a.time);
  const inSpan = sorted.filter(({ time }) => time >= span.from && time <= span.until + EXPECTED);
  const newest = inSpan[0]?.time ?? span.from;
  if (span.until - newest > EXPECTED) yield gap(folder, newest, span.until);
  const waiting = new Set(inSpan.map(({ key }) => key));
  for (const { key } of inSpan) {
    // The chain that is followed from a younger one has been here.
    if (waiting.has(key)) yield* follow(key, { bucket, folder, span, waiting }, vault);
  }
}

interface Walk {
  readonly bucket: string;
  readonly folder: string;
  readonly span: Span;
  /** Keys of digests that were not checked yet. */
  readonly waiting: Set<string>;
}

/** From a digest back to where its chain begins, or out of the span. */
async function* follow(newest: string, { bucket, folder, span, waiting }: Walk, vault: Vault): AsyncGenerator<Finding> {
  let place = { bucket, key: newest };
  // What the digest behind says of this one.
  let told: Pick<Digest, 'previousDigestHashValue' | 'previousDigestSignature'> | undefined;
  for (;;) {
    waiting.delete(place.key);
    const file = `s3://${place.bucket}/${place.key}`;
    const finding = (verdict: Verdict, message: string): Finding => ({ what: 'digest', verdict, file, message });
    const stored = await vault.digest(place.bucket, place.key);
    if (stored === undefined) {
      yield finding('missing', 'the digest after it names it, and it is not there');
      return;
    }
    const { bytes } = stored;
    const digest = parseDigest(bytes);
    if (typeof digest === 'string') {
      yield finding('invalid', digest);
      return;
    }
    const wrong = await flaw(digest, stored, place, told, vault);
    if (wrong) {
      yield finding(wrong.verdict, wrong.message);
    } else {
      yield finding('valid', `${digest.logFiles.length} log files from ${digest.digestStartTime} on`);
      for (const log of digest.logFiles) yield await checkLog(log, vault);
    }
    const start = Date.parse(digest.digestStartTime);
    const { previousDigestS3Bucket: before, previousDigestS3Object: previous } = digest;
    if (before === null || previous === null) {
      // A trail that is stopped and started begins a new chain.
      if (start > span.from && waiting.size > 0) yield gap(folder, undefined, start);
      return;
    }
    // What it does not say truly leads nowhere.
    if (wrong || !(start > span.from)) return;
    told = digest;
    place = { bucket: before, key: previous };
  }
}

async function flaw(
  digest: Digest,
  { bytes, signature: own }: Stored,
  place: { readonly bucket: string; readonly key: string },
  told: Pick<Digest, 'previousDigestHashValue' | 'previousDigestSignature'> | undefined,
  vault: Vault,
): Promise<{ readonly verdict: Verdict; readonly message: string } | undefined> {
  if (told && told.previousDigestHashValue !== sha256(bytes)) {
    return { verdict: 'modified', message: 'it is another one than the digest after it names' };
  }
  if (digest.digestS3Bucket !== place.bucket || digest.digestS3Object !== place.key) {
    return { verdict: 'modified', message: `it was written to s3://${digest.digestS3Bucket}/${digest.digestS3Object}` };
  }
  const signature = told?.previousDigestSignature ?? own;
  if (signature === undefined) return { verdict: 'invalid', message: 'it has no signature' };
  const key = await vault.key(digest.digestPublicKeyFingerprint);
  if (key === undefined) {
    return { verdict: 'invalid', message: `AWS knows no key ${digest.digestPublicKeyFingerprint} in that region` };
  }
  return isSigned(digest, bytes, signature, key)
    ? undefined
    : { verdict: 'invalid', message: 'its signature is not one of AWS over what it says' };
}

async function checkLog(
  { s3Bucket, s3Object, hashValue, hashAlgorithm }: DigestLogFile,
  vault: Vault,
): Promise<Finding> {
  const finding = (verdict: Verdict, message: string): Finding => ({
    what: 'log',
    verdict,
    file: `s3://${s3Bucket}/${s3Object}`,
    message,
  });
  if (hashAlgorithm !== 'SHA-256') return finding('invalid', `its hash is of an unknown kind, ${hashAlgorithm}`);
  try {
    const found = await vault.logHash(s3Bucket, s3Object);
    if (found === undefined) return finding('missing', 'its digest names it, and it is not there');
    return found === hashValue.toLowerCase()
      ? finding('valid', 'as its digest says')
      : finding('modified', 'it is another one than its digest names');
  } catch (error) {
    // What cannot be fetched now says nothing of what it is.
    if (!isDamaged(error)) throw error;
    return finding('modified', `it cannot be read: ${messageOf(error)}`);
  }
}

/** Whether it is what came that cannot be decompressed: the codes of zlib. */
const isDamaged = (error: unknown): boolean => /^Z_/.test(String((error as { code?: unknown } | null)?.code));

function gap(folder: string, from: number | undefined, until: number): Finding {
  const since = from === undefined ? '' : `from ${new Date(from).toISOString()} `;
  const message = `there is no digest ${since}until ${new Date(until).toISOString()}: log files of that time cannot be checked`;
  return { what: 'digest', verdict: 'gap', file: folder, message };
}
