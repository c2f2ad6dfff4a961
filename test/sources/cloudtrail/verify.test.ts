/** Checking log files by their digests: a chain that is signed with a key of our own, in moto. */

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { CloudTrailApi } from '../../aws/cloudtrail-api.ts';
import { Front } from '../../aws/front.ts';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../../aws/moto.ts';

const ACCOUNT = '111111111111';
const FIRST = Date.UTC(2026, 2, 2, 8);
const HOUR = 3_600_000;
const INTERVAL = '2026-03-02T08:00:00Z-2026-03-02T13:00:00Z';

const iso = (time: number) => new Date(time).toISOString().replace('.000', '');
const stampOf = (time: number) => iso(time).replaceAll(/[-:]/g, '');
const digestKey = (end: number) =>
  `AWSLogs/${ACCOUNT}/CloudTrail-Digest/${REGION}/2026/03/02/${ACCOUNT}_CloudTrail-Digest_${REGION}_main_trail_${REGION}_${stampOf(end)}.json.gz`;
const hex = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!hasMoto)('falco-pipe cloudtrail verify', () => {
  let moto: Moto;
  let api: CloudTrailApi;
  let key: KeyObject;
  let bucket = '';
  let count = 0;
  let printed: string[] = [];

  beforeAll(async () => {
    setCredentials();
    moto = await Moto.start();
    api = await CloudTrailApi.start();
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.endpoint);
    vi.stubEnv('AWS_ENDPOINT_URL_CLOUDTRAIL', api.endpoint);
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    key = pair.privateKey;
    const der = pair.publicKey.export({ format: 'der', type: 'pkcs1' });
    api.keys = [{ Fingerprint: 'f1', Value: der.toString('base64') }];
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    moto?.stop();
    api?.stop();
  });
  beforeEach(async () => {
    bucket = `verified-${++count}`;
    await moto.bucket(bucket);
    printed = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed.push(...String(text).trimEnd().split('\n'));
      return true;
    });
    process.exitCode = 0;
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = 0;
  });

  const logKey = (hour: number) => keyOf('log', { time: stampOf(FIRST + hour * HOUR).replace(/00Z$/, 'Z') });

  /** What every digest has, of the hour that ends then. */
  const digestOf = (end: number) => ({
    awsAccountId: ACCOUNT,
    digestStartTime: iso(end - HOUR),
    digestEndTime: iso(end),
    digestS3Bucket: bucket,
    digestS3Object: digestKey(end),
    digestPublicKeyFingerprint: 'f1',
    digestSignatureAlgorithm: 'SHA256withRSA',
  });

  /** Five digests, an hour each, with a log file each; the one of hour 2 has none. `begins` makes hour 3 begin a chain. */
  async function chain(begins = false): Promise<void> {
    let before: { key: string; hash: string; signature: string } | undefined;
    for (let hour = 0; hour < 5; hour++) {
      const log = logFile([recordOf(`r${hour}`)]);
      const plain = Buffer.from(JSON.stringify({ Records: [recordOf(`r${hour}`)] }));
      if (hour !== 2) await moto.put(bucket, logKey(hour), log);
      const end = FIRST + (hour + 1) * HOUR;
      const previous = begins && hour === 3 ? undefined : before;
      const digest = {
        ...digestOf(end),
        newestEventTime: null,
        oldestEventTime: null,
        previousDigestS3Bucket: previous ? bucket : null,
        previousDigestS3Object: previous?.key ?? null,
        previousDigestHashValue: previous?.hash ?? null,
        previousDigestHashAlgorithm: previous ? 'SHA-256' : null,
        previousDigestSignature: previous?.signature ?? null,
        logFiles:
          hour === 2
            ? []
            : [{ s3Bucket: bucket, s3Object: logKey(hour), hashValue: hex(plain), hashAlgorithm: 'SHA-256' }],
      };
      const bytes = Buffer.from(JSON.stringify(digest));
      const text = `${digest.digestEndTime}\n${bucket}/${digest.digestS3Object}\n${hex(bytes)}\n${digest.previousDigestSignature ?? 'null'}`;
      const signature = sign('sha256', Buffer.from(text), key).toString('hex');
      await putDigest(end, bytes, signature);
      before = { key: digest.digestS3Object, hash: hex(bytes), signature };
    }
  }

  const putDigest = (end: number, bytes: Buffer, signature: string) =>
    moto.put(bucket, digestKey(end), gzipSync(bytes), {
      Metadata: { signature, 'signature-algorithm': 'SHA256withRSA' },
    });
  const remove = (name: string) => moto.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }));

  async function verify(...args: string[]): Promise<{ status: unknown; lines: string[] }> {
    const program = createProgram();
    const all = ['cloudtrail', 'verify', bucket, '--aws-region', REGION, '--interval', INTERVAL, ...args];
    await program.parseAsync(all, { from: 'user' });
    return { status: process.exitCode, lines: printed };
  }

  test('finds nothing wrong with what AWS wrote', async () => {
    await chain();
    expect(await verify()).toEqual({ status: 0, lines: ['5 digest valid, 4 log valid found'] });
  });

  test('prints all as JSON', async () => {
    await chain();
    const { lines } = await verify('-o', 'json', '--account', ACCOUNT, '--region', REGION, '--trail', 'main_trail');
    const { sums, findings } = JSON.parse(lines.join(''));
    expect(sums).toEqual({ 'digest valid': 5, 'log valid': 4 });
    expect(findings[0]).toEqual({
      what: 'digest',
      verdict: 'valid',
      file: `s3://${bucket}/${digestKey(FIRST + 5 * HOUR)}`,
      message: '1 log files from 2026-03-02T12:00:00Z on',
    });
  });

  test('finds a log file that was changed, and one that is gone', async () => {
    await chain();
    await moto.put(bucket, logKey(1), logFile([recordOf('other')]));
    await moto.put(bucket, logKey(3), 'no gzip');
    await remove(logKey(4));
    const { status, lines } = await verify();
    expect(status).toBe(1);
    expect(lines).toEqual([
      `MISSING  s3://${bucket}/${logKey(4)}: its digest names it, and it is not there`,
      expect.stringMatching(`^MODIFIED s3://${bucket}/${logKey(3)}: it cannot be read: incorrect header check`),
      `MODIFIED s3://${bucket}/${logKey(1)}: it is another one than its digest names`,
      '5 digest valid, 1 log missing, 2 log modified, 1 log valid found',
    ]);
  });

  test('does not call a log file modified that it may not read', async () => {
    await chain();
    const front = await Front.before(moto.endpoint);
    front.refuse(logKey(4), 'AccessDenied');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', front.endpoint);
    try {
      await expect(verify()).rejects.toThrow(`s3://${bucket}/${logKey(4)} cannot be fetched: AccessDenied`);
      expect(printed).toEqual([]);
    } finally {
      vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.endpoint);
      front.stop();
    }
  });

  test('finds a log file that is cut', async () => {
    await chain();
    const whole = logFile([recordOf('r4')]);
    await moto.put(bucket, logKey(4), whole.subarray(0, whole.length - 10));
    const { lines } = await verify();
    expect(lines[0]).toBe(`MODIFIED s3://${bucket}/${logKey(4)}: it cannot be read: unexpected end of file`);
  });

  test('finds a digest that is gone, and checks those before it all the same', async () => {
    await chain();
    await remove(digestKey(FIRST + 3 * HOUR));
    const { status, lines } = await verify();
    expect(status).toBe(1);
    expect(lines).toEqual([
      `MISSING  s3://${bucket}/${digestKey(FIRST + 3 * HOUR)}: the digest after it names it, and it is not there`,
      '4 digest valid, 4 log valid, 1 digest missing found',
    ]);
  });

  test('finds the newest digests gone', async () => {
    await chain();
    for (const hour of [3, 4, 5]) await remove(digestKey(FIRST + hour * HOUR));
    const { lines } = await verify();
    expect(lines[0]).toMatch(/^GAP {6}s3:.*there is no digest from 2026-03-02T10:00:00.000Z until 2026-03-02T13:00/);
  });

  test('finds a digest that was changed, whoever signed it', async () => {
    await chain();
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const end = FIRST + 5 * HOUR;
    const forged = Buffer.from(
      JSON.stringify({
        ...digestOf(end),
        previousDigestS3Bucket: bucket,
        previousDigestS3Object: digestKey(end - HOUR),
        previousDigestHashValue: 'x',
        previousDigestSignature: 'y',
        logFiles: [],
      }),
    );
    await putDigest(end, forged, sign('sha256', forged, other).toString('hex'));
    const middle = FIRST + 2 * HOUR;
    await putDigest(middle, Buffer.from('{}'), 'ff');
    const { status, lines } = await verify();
    expect(status).toBe(1);
    expect(lines[0]).toContain(`INVALID  s3://${bucket}/${digestKey(end)}: its signature is not one of AWS`);
    expect(lines[1]).toContain(`INVALID  s3://${bucket}/${digestKey(middle)}: it is no digest`);
    expect(lines[2]).toBe('2 digest invalid, 3 digest valid, 2 log valid found');
  });

  test('finds an older digest that was put in place of another', async () => {
    await chain();
    const end = FIRST + 2 * HOUR;
    const { Body: body, Metadata: metadata } = await moto.s3.send(
      new (await import('@aws-sdk/client-s3')).GetObjectCommand({ Bucket: bucket, Key: digestKey(FIRST + HOUR) }),
    );
    const bytes = Buffer.from((await body?.transformToByteArray()) ?? []);
    await moto.put(bucket, digestKey(end), bytes, { Metadata: metadata });
    const { lines } = await verify();
    expect(lines[0]).toContain(
      `MODIFIED s3://${bucket}/${digestKey(end)}: it is another one than the digest after it names`,
    );
  });

  test('says for what time nothing can be told, where a chain begins anew', async () => {
    await chain(true);
    const { status, lines } = await verify();
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringContaining('there is no digest until 2026-03-02T11:00:00.000Z'),
      '5 digest valid, 4 log valid, 1 digest gap found',
    ]);
  });

  test('does not trust a key that AWS does not know', async () => {
    await chain();
    const { keys } = api;
    api.keys = [];
    try {
      expect((await verify()).lines[0]).toContain('AWS knows no key f1');
    } finally {
      api.keys = keys;
    }
  });

  test('says that there are no digests, or no bucket', async () => {
    await expect(verify()).rejects.toThrow('There are no digests');
    bucket = 'not-there';
    await expect(verify()).rejects.toThrow('the bucket not-there cannot be listed: NoSuchBucket');
    await expect(verify('--interval', 'soon')).rejects.toThrow('"soon" is no interval');
  });
});
