/** Mode s3: log files that are found by listing a bucket. */

import { Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../../src/core/batch.ts';
import type { SourceContext } from '../../../src/core/component.ts';
import { SourceError } from '../../../src/core/errors.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { Listing } from '../../../src/sources/cloudtrail/listing.ts';
import { Front } from '../../aws/front.ts';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const open: Harness[] = [];
afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

function start(config: object, options: HarnessOptions = {}): Harness {
  const harness = new Harness(cloudtrail, config, { keep: ['evt.id'], ...options });
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

  test('buries log files that are cut, archived, gone or without their key, with their names, and reads the others', async () => {
    const lost = {
      archived: ['InvalidObjectState', 403, 'archived_object'],
      deleted: ['KMS.NotFoundException', 400, 'no_key'],
      gone: ['NoSuchKey', 404, 'missing_object'],
    } as const;
    const of = (each: string) => keyOf(each, { time: '20260302T1155Z' });
    await moto.put(bucket, of('cut'), logFile([recordOf('x')]).subarray(0, 60));
    for (const [each, [code, status]] of Object.entries(lost)) {
      await put(of(each), each);
      front.refuse(`_${each}.json.gz`, code, status);
    }
    await put(keyOf('a', { time: '20260302T1150Z' }), 'before');
    await put(keyOf('z', { time: '20260302T1158Z' }), 'after');
    const it = list({ endpoint: front.endpoint, interval: '1d', concurrency: 1 });
    await it.until(({ end }) => end === 'complete');
    for (const each of Object.keys(lost)) front.pass(`_${each}.json.gz`);
    expect(it.values('evt.id').filter((id) => id !== 'x')).toEqual(['before', 'after']);
    expect(letters(it)).toEqual([
      `archived_object ${nameOf(of('archived'))}`,
      `bad_object ${nameOf(of('cut'))}`,
      `missing_object ${nameOf(of('gone'))}`,
      `no_key ${nameOf(of('deleted'))}`,
    ]);
    expect(it.seen.size).toBe(6);
    expect(it.trouble).toBeUndefined();
  });

  describe('keeps what is denied', () => {
    const HOUR = 3_600_000;
    let clock: number;
    /** How often each denied log file was asked for. */
    let asked: Record<string, number>;
    const denied = (name: string, code = 'AccessDenied') => {
      asked[name] = 0;
      front.answer(`_${name}.json.gz`, (response) => {
        asked[name] = (asked[name] ?? 0) + 1;
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
      });
    };
    const theirs = (name: string, time = '20260302T1150Z') => keyOf(name, { time, account: '222222222222' });
    const theirFolder = `AWSLogs/222222222222/CloudTrail/${REGION}/`;
    /** Lists with a clock that a test moves. */
    const listed = (options: HarnessOptions = {}) =>
      list({ endpoint: front.endpoint }, { now: () => clock, ...options });
    const looks = ({ positions }: Harness, count: number) => {
      const before = positions.length;
      return (it: Harness) => it.positions.length >= before + count;
    };

    beforeEach(() => {
      clock = NOW;
      asked = {};
    });
    afterEach(() => {
      for (const each of Object.keys(asked)) front.pass(`_${each}.json.gz`);
    });

    test('of one account, reads the others, and is not well meanwhile; mended, it is read however long that took', async () => {
      for (const [each, code] of [
        ['d1', 'AccessDenied'],
        ['d2', 'KMS.DisabledException'],
      ] as const) {
        denied(each, code);
        await put(theirs(each), each);
      }
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const it = listed();
      await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
      expect(it.position).toEqual({ since: NOW, kept: { [theirFolder]: Date.UTC(2026, 2, 2, 11, 50) } });
      expect(it.trouble).toMatch(
        new RegExp(
          `^log files that cannot be fetched: 2, such as ${nameOf(theirs('d'))}`.replace(
            /_d\..*/,
            '_d[12].*AccessDenied: no',
          ),
        ),
      );
      expect(it.metrics.counter('unfetched').value).toBe(2);
      expect([...it.seen]).toEqual([nameOf(keyOf('ours', { time: '20260302T1155Z' }))]);
      expect(it.said).toEqual(['error access_denied 1', 'error access_denied 1']);

      // Later looks read what comes and ask for it no more, until its pause is over.
      await put(keyOf('more', { time: '20260302T1157Z' }), 'more');
      await it.until(({ seen }) => seen.size === 2);
      await it.until(looks(it, 3));
      expect(asked).toEqual({ d1: 1, d2: 1 });
      clock += 5 * HOUR;
      await it.until(() => asked.d1 === 2 && asked.d2 === 2);
      await it.until(looks(it, 3));
      expect(asked).toEqual({ d1: 2, d2: 2 });
      expect((it.position as { since: number }).since).toBe(clock);

      for (const each of ['d1', 'd2']) front.pass(`_${each}.json.gz`);
      clock += HOUR;
      await it.until(({ trouble }) => trouble === undefined);
      expect(it.values('evt.id').toSorted()).toEqual(['d1', 'd2', 'more', 'ours']);
      await it.until(({ position }) => !('kept' in (position as object)));
      expect(it.metrics.counter('unfetched').value).toBe(0);
      expect(letters(it)).toEqual([]);
    });

    test('over a restart, days later', async () => {
      denied('d');
      await put(theirs('d'), 'd');
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const it = listed();
      await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
      clock += 48 * HOUR;
      await it.until(({ position }) => (position as { since: number }).since === clock);
      await it.stop();

      const still = listed({ position: it.position, seen: it.seen });
      await still.until(({ trouble }) => /cannot be fetched: 1,/.test(trouble ?? ''));
      await still.until(looks(still, 2));
      await still.stop();
      expect(still.position).toEqual({ since: clock, kept: { [theirFolder]: Date.UTC(2026, 2, 2, 11, 50) } });

      front.pass('_d.json.gz');
      const again = listed({ position: still.position, seen: still.seen });
      await again.until(({ events }) => events.length === 1);
      expect(again.values('evt.id')).toEqual(['d']);
      await again.until(({ position }) => !('kept' in (position as object)));
    });

    test('also where there are more than it knows by name, and loses none', async () => {
      const names = Array.from({ length: 7 }, (_, index) => `d${index}`);
      for (const [index, each] of names.entries()) {
        denied(each);
        await put(theirs(each, `20260302T115${index}Z`), each);
      }
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const given = {
        config: cloudtrail.config,
        open: (config: never, ctx: SourceContext) =>
          new Observable<Batch>((subscriber) => {
            const listing = new Listing(config, ctx, (batch) => subscriber.next(batch), 2);
            listing.run().catch((error) => subscriber.error(error));
            return () => listing.stop();
          }),
      };
      const it = new Harness(
        given,
        { mode: 's3', bucket, endpoint: front.endpoint, region: REGION, concurrency: 1 },
        { now: () => clock, keep: ['evt.id'] },
      );
      open.push(it);
      await it.until(({ seen, trouble }) => seen.size === 1 && /: more than 2, such as/.test(trouble ?? ''));
      // None of them is found by the names of what comes now.
      clock += 12 * HOUR;
      await it.until(({ position }) => (position as { since: number } | undefined)?.since === clock);
      const { kept } = it.position as { kept: Record<string, number> };
      expect(kept[theirFolder]).toBeLessThanOrEqual(Date.UTC(2026, 2, 2, 11, 50));
      for (const each of names) front.pass(`_${each}.json.gz`);
      clock += HOUR;
      await it.until(({ events, trouble }) => events.length === 8 && trouble === undefined);
      expect(it.values('evt.id').toSorted()).toEqual([...names, 'ours']);
      await it.until(({ position }) => !('kept' in (position as object)));
    });

    describe.each([
      ['one account', 'AWSLogs/222222222222/CloudTrail/'],
      ['one region', theirFolder],
    ])('to be listed: %s', (_, prefix) => {
      beforeEach(async () => {
        asked.list = 0;
        front.answer(prefix, (response) => {
          asked.list = (asked.list ?? 0) + 1;
          response.writeHead(403, { 'content-type': 'application/xml' });
          response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        });
        await put(theirs('d'), 'd');
      });
      afterEach(() => front.pass(prefix));

      test('the others are read; mended, it is read however long that took, also after a restart', async () => {
        await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
        const it = listed();
        await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
        expect(it.values('evt.id')).toEqual(['ours']);
        expect(it.trouble).toContain(`prefixes that cannot be listed: 1, such as s3://${bucket}/${prefix}: `);
        expect(it.trouble).toContain('AccessDenied: no; they are tried again');
        expect(it.said).toEqual(['error access_denied 1']);
        // It is asked for no more until its pause is over.
        await it.until(looks(it, 3));
        expect(asked.list).toBe(1);
        clock += 48 * HOUR;
        await it.until(({ position }) => asked.list === 2 && (position as { since: number }).since === clock);
        expect(it.said).toEqual(['error access_denied 1']);
        await it.stop();

        const again = listed({ position: it.position, seen: it.seen });
        await again.until(looks(again, 2));
        expect(again.trouble).toContain('prefixes that cannot be listed: 1,');
        front.pass(prefix);
        clock += HOUR;
        await again.until(({ events, trouble }) => events.length === 1 && trouble === undefined);
        expect(again.values('evt.id')).toEqual(['d']);
        await again.until(({ position }) => !('kept' in (position as object)));
      });

      test('of a time that is past: it ends for good after the others were read', async () => {
        await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
        const it = list({ endpoint: front.endpoint, interval: '1d' });
        await it.until(({ end }) => end !== 'open');
        expect(it.end).toBeInstanceOf(SourceError);
        expect(String(it.end)).toContain('prefixes that cannot be listed: 1');
        expect(it.values('evt.id')).toEqual(['ours']);
      });

      test.each([
        ['no log files', 'AWSLogs/111111111111/Config/x.json'],
        ['none of the regions', keyOf('x', { region: 'us-east-1' })],
      ])('one that has %s yet may be listed: what comes there is read', async (_, key) => {
        await put(key, 'x');
        const it = list({ endpoint: front.endpoint, regions: [REGION] }, { now: () => clock });
        await it.until(looks(it, 2));
        expect(it.trouble).toContain(`prefixes that cannot be listed: 1, such as s3://${bucket}/${prefix}: `);
        await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
        await it.until(({ events }) => events.length === 1);
        expect([it.end, it.values('evt.id')]).toEqual(['open', ['ours']]);
      });

      test('mended, it is the trouble no longer, while what it has is under way', async () => {
        await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
        const it = listed({ settle: (_, index) => (index === 0 ? 'delivered' : undefined) });
        await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
        front.pass(prefix);
        clock += HOUR;
        await it.until(({ events }) => events.length === 2);
        expect(it.values('evt.id')).toEqual(['ours', 'd']);
        expect(it.trouble).toBeUndefined();
      });

      test('where there is no other it ends for good', async () => {
        const it = listed();
        await it.until(({ end }) => end !== 'open');
        expect(it.end).toBeInstanceOf(SourceError);
        expect(String(it.end)).toContain('cannot be listed: AccessDenied: no');
      });
    });

    test('of a time that is past: it ends for good after the others were read, and another run reads the rest', async () => {
      denied('d');
      await put(theirs('d'), 'd');
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const past = (options: HarnessOptions = {}) => list({ endpoint: front.endpoint, interval: '1d' }, options);
      const it = past();
      await it.until(({ end }) => end !== 'open');
      expect(it.end).toBeInstanceOf(SourceError);
      expect(String(it.end)).toContain(`cannot be fetched: 1, such as ${nameOf(theirs('d'))}: AccessDenied: no`);
      expect(it.values('evt.id')).toEqual(['ours']);
      front.pass('_d.json.gz');
      const again = past({ seen: it.seen });
      await again.until(({ end }) => end === 'complete');
      expect(again.values('evt.id')).toEqual(['d']);
    });
  });

  test.each([
    ['RequestTimeout', 400],
    ['OperationAborted', 409],
    ['RequestTimeTooSkewed', 403],
    ['SomethingNew', 400],
  ])('asks again at the next look for what %s kept from being fetched, and goes on meanwhile', async (code, status) => {
    await put(keyOf('busy', { time: '20260302T1150Z' }), 'busy');
    await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
    front.refuse('_busy.json.gz', code, status);
    const it = list({ endpoint: front.endpoint });
    await it.until(({ trouble, said }) => said.length >= 5 && trouble !== undefined);
    expect(it.trouble).toContain(
      `cannot be fetched: 1, such as ${nameOf(keyOf('busy', { time: '20260302T1150Z' }))}: ${code}`,
    );
    await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
    front.pass('_busy.json.gz');
    await it.until(({ events, trouble }) => events.length === 2 && trouble === undefined);
    expect(it.values('evt.id')).toEqual(['ours', 'busy']);
    expect(new Set(it.said)).toEqual(new Set(['error fetch_failed 1']));
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
