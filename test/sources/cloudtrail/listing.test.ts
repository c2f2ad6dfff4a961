/** Modes s3 and file: log files that are found by looking. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { Front } from '../../aws/front.ts';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const open: Harness[] = [];
afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

function start(config: object, options: HarnessOptions = {}): Harness {
  const harness = new Harness(cloudtrail, config, options);
  open.push(harness);
  return harness;
}

describe.skipIf(!hasMoto)('the source cloudtrail on a bucket', () => {
  const NOW = Date.UTC(2026, 2, 2, 12);
  let moto: Moto;
  let front: Front;
  let bucket = '';
  let count = 0;

  beforeAll(async () => {
    setCredentials();
    moto = await Moto.start();
    front = await Front.before(moto.endpoint);
  });
  afterAll(() => {
    front?.stop();
    moto?.stop();
  });
  beforeEach(async () => {
    bucket = `listed-${++count}`;
    await moto.bucket(bucket);
  });

  const list = (config: object = {}, options: HarnessOptions = {}) =>
    start({ mode: 's3', bucket, endpoint: moto.endpoint, region: REGION, ...config }, { now: () => NOW, ...options });
  const put = (key: string, ...ids: string[]) => moto.put(bucket, key, logFile(ids.map((id) => recordOf(id))));

  test('finds what comes, late files too, and knows what it has read', async () => {
    await put(keyOf('a', { time: '20260302T1155Z' }), 'a');
    await put(keyOf('old', { time: '20260302T0900Z' }), 'old');
    await moto.put(bucket, keyOf('a').replaceAll('CloudTrail', 'CloudTrail-Digest'), 'no log file');
    const it = list();
    await it.until(({ events }) => events.length === 1);
    // Named before the last one.
    await put(keyOf('late', { time: '20260302T1030Z' }), 'late');
    await put(keyOf('b', { time: '20260302T1200Z' }), 'b');
    await it.until(({ events }) => events.length === 3);
    await it.until(({ position, seen }) => (position as { since?: number })?.since === NOW && seen.size === 3);
    expect(it.values('evt.id').toSorted()).toEqual(['a', 'b', 'late']);
    await it.stop();

    const again = list({}, { position: it.position, seen: it.seen });
    await put(keyOf('c', { time: '20260302T1201Z' }), 'c');
    await again.until(({ events }) => events.length === 1);
    expect(again.values('evt.id')).toEqual(['c']);
  });

  test('finds all accounts and regions, or those that are named, below a prefix and an organization', async () => {
    const time = '20260302T1155Z';
    const files = [
      ['one', keyOf('1', { time })],
      ['two', keyOf('1', { time, account: '222222222222' })],
      ['us', keyOf('1', { time, region: 'us-east-1' })],
      ['org', keyOf('1', { time, account: '333333333333' }).replace('AWSLogs/', 'AWSLogs/o-abcdefghij/')],
    ] as const;
    for (const [id, key] of files) await put(`trail/${key}`, id);
    const all = list({ prefix: 'trail' });
    await all.until(({ events }) => events.length === 4);
    const some = list({ prefix: 'trail/', accounts: ['111111111111', '333333333333'], regions: [REGION] });
    await some.until(({ events }) => events.length === 2);
    expect(some.values('evt.id').toSorted()).toEqual(['one', 'org']);
  });

  test('reads the log files of a time and ends', async () => {
    for (const hour of ['08', '09', '10', '11']) await put(keyOf('x', { time: `20260302T${hour}30Z` }), hour);
    const it = list({ interval: '2026-03-02T09:00:00Z-2026-03-02T10:30:00Z' });
    await it.until(({ end }) => end === 'complete');
    expect(it.values('evt.id').toSorted()).toEqual(['09', '10']);
  });

  test('goes on where a clock was ahead', async () => {
    await put(keyOf('x', { time: '20260302T1155Z' }), 'x');
    const it = list({}, { position: { since: NOW + 86_400_000 } });
    await it.until(({ events }) => events.length === 1);
    await it.until(({ position }) => (position as { since: number }).since === NOW);
  });

  test('gives again what was not delivered, and only then knows the file', async () => {
    await put(keyOf('x', { time: '20260302T1155Z' }), 'x');
    const it = list({}, { settle: (_, index) => (index < 2 ? 'failed' : 'delivered') });
    await it.until(({ seen }) => seen.size === 1);
    expect(it.batches).toHaveLength(3);
  });

  /** What became a dead letter, and why. */
  const letters = ({ reports }: Harness) =>
    reports.flatMap(({ type, fields }) => (type === 'drop' ? [`${fields.reason} ${fields.event}`] : [])).sort();
  const nameOf = (key: string) => `s3://${bucket}/${key}`;

  test('buries log files that are cut, refused, archived or gone, with their keys, and reads the others', async () => {
    const time = '20260302T1155Z';
    const [cut, refused, archived, gone] = ['cut', 'refused', 'archived', 'gone'].map((name) => keyOf(name, { time }));
    await moto.put(bucket, cut as string, logFile([recordOf('x')]).subarray(0, 60));
    await put(refused as string, 'refused');
    await put(archived as string, 'archived');
    await put(gone as string, 'gone');
    await put(keyOf('a', { time: '20260302T1150Z' }), 'before');
    await put(keyOf('z', { time: '20260302T1158Z' }), 'after');
    front.refuse('_refused.json.gz', 'AccessDenied');
    front.refuse('_archived.json.gz', 'InvalidObjectState');
    front.refuse('_gone.json.gz', 'NoSuchKey');
    const it = list({ endpoint: front.endpoint, interval: '1d', concurrency: 1 });
    await it.until(({ end }) => end === 'complete');
    for (const each of ['refused', 'archived', 'gone']) front.pass(`_${each}.json.gz`);
    expect(it.values('evt.id').filter((id) => id !== 'x')).toEqual(['before', 'after']);
    expect(letters(it)).toEqual([
      `access_denied ${nameOf(archived as string)}`,
      `access_denied ${nameOf(refused as string)}`,
      `bad_object ${nameOf(cut as string)}`,
      `missing_object ${nameOf(gone as string)}`,
    ]);
    expect(it.seen.size).toBe(6);
  });

  test('keeps log files where all are refused, is not well meanwhile, and reads them once they are not', async () => {
    for (const each of ['m1', 'm2']) await put(keyOf(each, { time: '20260302T1155Z' }), each);
    for (const each of ['_m1.json.gz', '_m2.json.gz']) front.refuse(each, 'AccessDenied');
    const it = list({ endpoint: front.endpoint });
    await it.until(({ trouble }) => /no log file can be fetched, 2 are refused: .*AccessDenied/.test(trouble ?? ''));
    for (const each of ['_m1.json.gz', '_m2.json.gz']) front.pass(each);
    await it.until(({ seen }) => seen.size === 2);
    expect(it.values('evt.id').toSorted()).toEqual(['m1', 'm2']);
    await it.until(({ trouble }) => trouble === undefined);
    expect(it.said).toEqual([]);
  });

  test('ends for good where all log files of a time are refused', async () => {
    await put(keyOf('only', { time: '20260302T1155Z' }), 'only');
    front.refuse('_only.json.gz', 'AccessDenied');
    const it = list({ endpoint: front.endpoint, interval: '1d' });
    await it.until(({ end }) => end !== 'open');
    front.pass('_only.json.gz');
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toMatch(/_only\.json\.gz: .*AccessDenied/);
    expect(it.seen.size).toBe(0);
  });

  test('buries nothing for credentials that expire meanwhile: the next listing, which they end, judges them', async () => {
    for (const each of ['e1', 'e2']) await put(keyOf(each, { time: '20260302T1155Z' }), each);
    front.refuse('_e2.json.gz', 'ExpiredToken');
    const it = list({ endpoint: front.endpoint });
    await it.until(({ said, seen }) => seen.size === 1 && said.includes('error fetch_failed 1'));
    front.refuse(`/${bucket}/`, 'ExpiredToken');
    await it.until(({ end }) => end !== 'open');
    for (const each of ['_e2.json.gz', `/${bucket}/`]) front.pass(each);
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toContain('cannot be listed: ExpiredToken');
    expect(letters(it)).toEqual([]);
  });

  test('is not well before the bucket was listed', async () => {
    const it = list();
    expect(it.trouble).toBe('not connected yet');
    await it.until(({ trouble }) => trouble === undefined);
  });

  test('tells once of a record that cannot be read, however often its file is fetched', async () => {
    const key = keyOf('cut', { time: '20260302T1155Z' });
    const records = [7, ...Array.from({ length: 3000 }, (_, index) => recordOf(`c${index}`))];
    const body = Buffer.from(JSON.stringify({ Records: records }));
    await moto.put(bucket, key, body);
    const cut = Promise.withResolvers<void>();
    front.answer('_cut.json.gz', (response) => {
      front.pass('_cut.json.gz');
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2));
      void cut.promise.then(() => response.destroy());
    });
    const it = list({ endpoint: front.endpoint });
    await it.until(({ said }) => said.includes('drop bad_record 1'));
    cut.resolve();
    await it.until(({ seen }) => seen.size === 1);
    expect(it.said).toEqual(['drop bad_record 1', 'error fetch_failed 1']);
    expect(it.events).toHaveLength(3000);
  });

  test('ends for good where there is no bucket', async () => {
    const it = list({ bucket: 'not-there' });
    await it.until(({ end }) => end !== 'open');
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toContain('NoSuchBucket');
  });
});

describe('the source cloudtrail on files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-trail-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'a.json.gz'), logFile([recordOf('a1'), recordOf('a2')]));
  writeFileSync(join(folder, 'sub', 'b.json'), JSON.stringify([recordOf('b1')]));
  writeFileSync(
    join(folder, 'sub', 'c.jsonl'),
    `${JSON.stringify(recordOf('c1'))}\n${JSON.stringify(recordOf('c2'))}\n`,
  );
  writeFileSync(join(folder, 'notes.txt'), 'no records');
  writeFileSync(join(folder, 'z.json'), '{"Records":[{"eventName":"X","eventID":"z1"},');
  const read = (files: unknown, options: HarnessOptions = {}) => start({ mode: 'file', files }, options);

  test('reads all below a folder in order, and ends', async () => {
    const it = read(folder);
    await it.until(({ end }) => end === 'complete');
    expect(it.values('evt.id')).toEqual(['a1', 'a2', 'b1', 'c1', 'c2', 'z1']);
    expect(it.said).toEqual(['drop bad_object 1']);
    expect(it.reports[0]?.fields.message).toContain('z.json: it is no JSON: it ends in the middle');

    const again = read([folder, join(folder, 'a.json.gz')], { seen: it.seen });
    await again.until(({ end }) => end === 'complete');
    expect(again.events).toEqual([]);
  });

  test('tells of a record that cannot be read only once there is room for those beside it', async () => {
    const file = join(folder, 'more.log');
    const records = [7, ...Array.from({ length: 300 }, (_, index) => ({ eventName: 'X', eventID: `m${index}` }))];
    writeFileSync(file, JSON.stringify(records));
    const it = read(file, { credit: 256, settle: (_, index) => (index === 0 ? undefined : 'delivered') });
    await it.until(({ batches }) => batches.length === 1);
    expect(it.said).toEqual([]);
    it.batches[0]?.ack.settle('delivered');
    await it.until(({ end }) => end === 'complete');
    expect(it.events).toHaveLength(300);
    expect(it.said).toEqual(['drop bad_record 1']);
  });

  test('takes relative paths from the pipeline file', async () => {
    const it = read('a.json.gz', { resolve: (path) => join(folder, path) });
    await it.until(({ end }) => end === 'complete');
    expect(it.events).toHaveLength(2);
  });

  test('ends for good where there is no file', async () => {
    const it = read(join(folder, 'none'));
    await it.until(({ end }) => end !== 'open');
    expect(it.end).toBeInstanceOf(SourceError);
  });

  test.each([
    [{ mode: 'sqs' }, 'mode sqs needs `queue`'],
    [{ mode: 'file' }, 'mode file needs `files`'],
    [{ mode: 's3', bucket: 'b', queue: 'q' }, '`queue` is for mode sqs, not s3'],
    [{ queue: 'q', regions: ['a'] }, '`regions` is for mode s3 and lookup_events, not sqs'],
  ])('%j is refused', (given, message) => {
    const said: string[] = [];
    const plan = { report: (diagnostic: { message: string }) => void said.push(diagnostic.message) };
    cloudtrail.prepare?.(cloudtrail.config.parse(given), plan as never);
    expect(said).toContain(message);
  });
});
