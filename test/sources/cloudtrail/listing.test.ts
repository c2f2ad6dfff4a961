/** Mode s3: log files that are found by listing a bucket. */

import { describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { hasMoto, keyOf, logFile, REGION, recordOf } from '../../aws/moto.ts';
import { bucketForEach, letters, NOW } from './bucket-stage.ts';

describe.skipIf(!hasMoto)('the source cloudtrail on a bucket', () => {
  const bucket = bucketForEach();
  const { list, put, urlOf } = bucket;

  test('finds what comes, late files too, and knows what it has read', async () => {
    await put(keyOf('a', { time: '20260302T1155Z' }), 'a');
    await put(keyOf('old', { time: '20260302T0900Z' }), 'old');
    await bucket.moto.put(bucket.name, keyOf('a').replaceAll('CloudTrail', 'CloudTrail-Digest'), 'no log file');
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

  test('buries log files that are cut, archived, gone or without their key, with their names, and reads the others', async () => {
    const lost = {
      archived: ['InvalidObjectState', 403, 'archived_object'],
      deleted: ['KMS.NotFoundException', 400, 'no_key'],
      gone: ['NoSuchKey', 404, 'missing_object'],
    } as const;
    const of = (each: string) => keyOf(each, { time: '20260302T1155Z' });
    await bucket.moto.put(bucket.name, of('cut'), logFile([recordOf('x')]).subarray(0, 60));
    for (const [each, [code, status]] of Object.entries(lost)) {
      await put(of(each), each);
      bucket.front.refuse(`_${each}.json.gz`, code, status);
    }
    await put(keyOf('a', { time: '20260302T1150Z' }), 'before');
    await put(keyOf('z', { time: '20260302T1158Z' }), 'after');
    const it = list({ endpoint: bucket.front.endpoint, interval: '1d', concurrency: 1 });
    await it.until(({ end }) => end === 'complete');
    for (const each of Object.keys(lost)) bucket.front.pass(`_${each}.json.gz`);
    expect(it.values('evt.id').filter((id) => id !== 'x')).toEqual(['before', 'after']);
    expect(letters(it)).toEqual([
      `archived_object ${urlOf(of('archived'))}`,
      `bad_object ${urlOf(of('cut'))}`,
      `missing_object ${urlOf(of('gone'))}`,
      `no_key ${urlOf(of('deleted'))}`,
    ]);
    expect(it.seen.size).toBe(6);
    expect(it.trouble).toBeUndefined();
  });

  test.each([
    ['RequestTimeout', 400],
    ['OperationAborted', 409],
    ['RequestTimeTooSkewed', 403],
    ['SomethingNew', 400],
  ])('asks again at the next look for what %s kept from being fetched, and goes on meanwhile', async (code, status) => {
    await put(keyOf('busy', { time: '20260302T1150Z' }), 'busy');
    await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
    bucket.front.refuse('_busy.json.gz', code, status);
    const it = list({ endpoint: bucket.front.endpoint });
    await it.until(({ trouble, said }) => said.length >= 5 && trouble !== undefined);
    expect(it.trouble).toContain(
      `cannot be fetched: 1, such as ${urlOf(keyOf('busy', { time: '20260302T1150Z' }))}: ${code}`,
    );
    await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
    bucket.front.pass('_busy.json.gz');
    await it.until(({ events, trouble }) => events.length === 2 && trouble === undefined);
    expect(it.values('evt.id')).toEqual(['ours', 'busy']);
    expect(new Set(it.said)).toEqual(new Set(['error fetch_failed 1']));
  });

  test('buries nothing for credentials that expire meanwhile: the next listing, which they end, judges them', async () => {
    for (const each of ['e1', 'e2']) await put(keyOf(each, { time: '20260302T1155Z' }), each);
    bucket.front.refuse('_e2.json.gz', 'ExpiredToken');
    const it = list({ endpoint: bucket.front.endpoint });
    await it.until(({ said, seen }) => seen.size === 1 && said.includes('error fetch_failed 1'));
    bucket.front.refuse(`/${bucket.name}/`, 'ExpiredToken');
    await it.until(({ end }) => end !== 'open');
    for (const each of ['_e2.json.gz', `/${bucket.name}/`]) bucket.front.pass(each);
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
    await bucket.moto.put(bucket.name, key, body);
    const cut = Promise.withResolvers<void>();
    bucket.front.answer('_cut.json.gz', (response) => {
      bucket.front.pass('_cut.json.gz');
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2));
      void cut.promise.then(() => response.destroy());
    });
    const it = list({ endpoint: bucket.front.endpoint });
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
