/** Mode s3, and what the credentials may not read or list: the rest is read, and that too once it may be. */

import { Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SourceContext } from '../../../src/core/component.ts';
import { SourceError } from '../../../src/core/errors.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { Listing } from '../../../src/sources/cloudtrail/listing.ts';
import { hasMoto, keyOf, REGION } from '../../aws/moto.ts';
import type { Harness, HarnessOptions } from '../harness.ts';
import { bucketForEach, letters, NOW } from './bucket-stage.ts';

describe.skipIf(!hasMoto)('the source cloudtrail on a bucket keeps what is denied', () => {
  const bucket = bucketForEach();
  const { list, put, urlOf } = bucket;

  const HOUR = 3_600_000;
  let clock: number;
  /** How often each denied log file was asked for. */
  let asked: Record<string, number>;
  const denied = (name: string, code = 'AccessDenied') => {
    asked[name] = 0;
    bucket.front.answer(`_${name}.json.gz`, (response) => {
      asked[name] = (asked[name] ?? 0) + 1;
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
    });
  };
  const theirs = (name: string, time = '20260302T1150Z') => keyOf(name, { time, account: '222222222222' });
  const theirFolder = `AWSLogs/222222222222/CloudTrail/${REGION}/`;
  /** Lists with a clock that a test moves. */
  const listed = (options: HarnessOptions = {}) =>
    list({ endpoint: bucket.front.endpoint }, { now: () => clock, ...options });
  const looks = ({ positions }: Harness, count: number) => {
    const before = positions.length;
    return (it: Harness) => it.positions.length >= before + count;
  };

  beforeEach(() => {
    clock = NOW;
    asked = {};
  });
  afterEach(() => {
    for (const each of Object.keys(asked)) bucket.front.pass(`_${each}.json.gz`);
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
        `^log files that cannot be fetched: 2, such as ${urlOf(theirs('d'))}`.replace(
          /_d\..*/,
          '_d[12].*AccessDenied: no',
        ),
      ),
    );
    expect(it.metrics.counter('unfetched').value).toBe(2);
    expect([...it.seen]).toEqual([urlOf(keyOf('ours', { time: '20260302T1155Z' }))]);
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

    for (const each of ['d1', 'd2']) bucket.front.pass(`_${each}.json.gz`);
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

    bucket.front.pass('_d.json.gz');
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
    const it = list({ endpoint: bucket.front.endpoint, concurrency: 1 }, { now: () => clock }, given);
    await it.until(({ seen, trouble }) => seen.size === 1 && /: more than 2, such as/.test(trouble ?? ''));
    // None of them is found by the names of what comes now.
    clock += 12 * HOUR;
    await it.until(({ position }) => (position as { since: number } | undefined)?.since === clock);
    const { kept } = it.position as { kept: Record<string, number> };
    expect(kept[theirFolder]).toBeLessThanOrEqual(Date.UTC(2026, 2, 2, 11, 50));
    for (const each of names) bucket.front.pass(`_${each}.json.gz`);
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
      bucket.front.answer(prefix, (response) => {
        asked.list = (asked.list ?? 0) + 1;
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
      });
      await put(theirs('d'), 'd');
    });
    afterEach(() => bucket.front.pass(prefix));

    test('the others are read; mended, it is read however long that took, also after a restart', async () => {
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const it = listed();
      await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
      expect(it.values('evt.id')).toEqual(['ours']);
      expect(it.trouble).toContain(`prefixes that cannot be listed: 1, such as s3://${bucket.name}/${prefix}: `);
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
      bucket.front.pass(prefix);
      clock += HOUR;
      await again.until(({ events, trouble }) => events.length === 1 && trouble === undefined);
      expect(again.values('evt.id')).toEqual(['d']);
      await again.until(({ position }) => !('kept' in (position as object)));
    });

    test('of a time that is past: it ends for good after the others were read', async () => {
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const it = list({ endpoint: bucket.front.endpoint, interval: '1d' });
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
      const it = list({ endpoint: bucket.front.endpoint, regions: [REGION] }, { now: () => clock });
      await it.until(looks(it, 2));
      expect(it.trouble).toContain(`prefixes that cannot be listed: 1, such as s3://${bucket.name}/${prefix}: `);
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      await it.until(({ events }) => events.length === 1);
      expect([it.end, it.values('evt.id')]).toEqual(['open', ['ours']]);
    });

    test('mended, it is the trouble no longer, while what it has is under way', async () => {
      await put(keyOf('ours', { time: '20260302T1155Z' }), 'ours');
      const it = listed({ settle: (_, index) => (index === 0 ? 'delivered' : undefined) });
      await it.until(({ position }) => (position as { kept?: object } | undefined)?.kept !== undefined);
      bucket.front.pass(prefix);
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
    const past = (options: HarnessOptions = {}) => list({ endpoint: bucket.front.endpoint, interval: '1d' }, options);
    const it = past();
    await it.until(({ end }) => end !== 'open');
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toContain(`cannot be fetched: 1, such as ${urlOf(theirs('d'))}: AccessDenied: no`);
    expect(it.values('evt.id')).toEqual(['ours']);
    bucket.front.pass('_d.json.gz');
    const again = past({ seen: it.seen });
    await again.until(({ end }) => end === 'complete');
    expect(again.values('evt.id')).toEqual(['d']);
  });
});
