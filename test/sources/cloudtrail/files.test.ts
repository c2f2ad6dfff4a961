/** Mode file: log files that are here already. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { logFile, recordOf } from '../../aws/moto.ts';
import { scratch } from '../../scratch.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const open: Harness[] = [];
afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

describe('the source cloudtrail on files', () => {
  const folder = scratch();
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'a.json.gz'), logFile([recordOf('a1'), recordOf('a2')]));
  writeFileSync(join(folder, 'sub', 'b.json'), JSON.stringify([recordOf('b1')]));
  writeFileSync(
    join(folder, 'sub', 'c.jsonl'),
    `${JSON.stringify(recordOf('c1'))}\n${JSON.stringify(recordOf('c2'))}\n`,
  );
  writeFileSync(join(folder, 'notes.txt'), 'no records');
  writeFileSync(join(folder, 'z.json'), '{"Records":[{"eventName":"X","eventID":"z1"},');
  const read = (files: unknown, options: HarnessOptions = {}) => {
    const harness = new Harness(cloudtrail, { mode: 'file', files }, { keep: ['evt.id'], ...options });
    open.push(harness);
    return harness;
  };

  test('reads all below a folder in order, and ends', async () => {
    // One that is named twice is read once, though it has not settled yet.
    const it = read([folder, join(folder, 'sub')]);
    await it.until(({ end }) => end === 'complete');
    expect(it.values('evt.id')).toEqual(['a1', 'a2', 'b1', 'c1', 'c2', 'z1']);
    expect(it.seen.size).toBe(4);
    // A dead letter by its name, as of a bucket: the file itself stays where it is.
    expect(it.reports.map(({ fields: { reason, event } }) => [reason, event])).toEqual([
      ['bad_object', join(folder, 'z.json')],
    ]);
    expect(it.reports[0]?.fields.message).toContain('z.json: it is no JSON: it ends in the middle');

    const again = read([folder, join(folder, 'a.json.gz')], { seen: it.seen });
    await again.until(({ end }) => end === 'complete');
    expect(again.events).toEqual([]);
  });

  test('leaves out the digests that stand beside log files', async () => {
    const signed = join(folder, 'signed');
    mkdirSync(signed);
    const stem = join(signed, '111111111111_CloudTrail');
    writeFileSync(`${stem}-Digest_eu-west-1_trail_eu-west-1_20260302T101500Z.json.gz`, gzipSync('{"logFiles":[]}'));
    writeFileSync(`${stem}_eu-west-1_20260302T1015Z_x.json.gz`, logFile([recordOf('s1')]));
    const it = read(signed);
    await it.until(({ end }) => end === 'complete');
    expect([it.values('evt.id'), it.reports]).toEqual([['s1'], []]);
    rmSync(signed, { recursive: true });
  });

  test('a file of nothing, or of blanks, is a dead letter; one with an empty list is read', async () => {
    const hollow = join(folder, 'hollow');
    mkdirSync(hollow);
    writeFileSync(join(hollow, 'blank.json'), ' \n\t\n');
    writeFileSync(join(hollow, 'empty.json'), '');
    writeFileSync(join(hollow, 'none.json'), '{"Records":[]}');
    const it = read(hollow);
    await it.until(({ end }) => end === 'complete');
    expect(it.reports.map(({ fields: { reason, message } }) => [reason, message]).sort()).toEqual([
      ['bad_object', `${join(hollow, 'blank.json')}: it is empty`],
      ['bad_object', `${join(hollow, 'empty.json')}: it is empty`],
    ]);
    rmSync(hollow, { recursive: true });
  });

  test('goes on to the next file while one settles, in order, and knows each once all of it has settled', async () => {
    const many = join(folder, 'many');
    mkdirSync(many);
    const ids = ['0', '1', '2', '3'];
    for (const id of ids) {
      writeFileSync(join(many, `${id}.json`), JSON.stringify([recordOf(`${id}a`), recordOf(`${id}b`)]));
    }
    const it = read(many, { settle: () => undefined });
    await it.until(({ batches }) => batches.length === ids.length);
    expect(it.values('evt.id')).toEqual(ids.flatMap((id) => [`${id}a`, `${id}b`]));
    expect([it.end, it.seen.size]).toEqual(['open', 0]);
    it.batches[2]?.ack.settle('delivered');
    await it.until(({ seen }) => seen.size === 1);
    expect([...it.seen][0]).toContain('2.json');
    for (const { ack } of it.batches) ack.settle('delivered');
    await it.until(({ end }) => end === 'complete');
    expect(it.seen.size).toBe(ids.length);
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

  describe('where some cannot be read', () => {
    // Even root cannot read memory that is not there.
    const unreadable = '/proc/self/mem';
    const none = join(folder, 'none');

    test.each([
      ['missing', none, 'none: ENOENT'],
      ['unreadable', unreadable, 'mem: EIO'],
    ])('%s: gives all that can be, in order, then ends for good with what could not', async (_, bad, message) => {
      const large = join(folder, 'large.log');
      const ids = Array.from({ length: 3000 }, (_, index) => `l${index}`);
      writeFileSync(large, logFile(ids.map((id) => recordOf(id))));
      const last = join(folder, 'sub', 'c.jsonl');
      const it = read([large, bad, last], { credit: 512 });
      await it.until(({ end }) => end !== 'open');
      expect(it.values('evt.id')).toEqual([...ids, 'c1', 'c2']);
      expect(it.end).toBeInstanceOf(SourceError);
      expect(String(it.end)).toContain(message);
      expect(it.said).toEqual(['error unreadable_file 1']);
      // What was given is known: another run has only the rest to read.
      expect([...it.seen].map((id) => id.split(' ')[0])).toEqual([large, last]);
    });

    test('missing is said before anything is read', async () => {
      const it = read([join(folder, 'a.json.gz'), none], { settle: () => undefined });
      await it.until(({ batches }) => batches.length === 1);
      expect([it.said, it.end]).toEqual([['error unreadable_file 1'], 'open']);
      it.batches[0]?.ack.settle('delivered');
      await it.until(({ end }) => end !== 'open');
      expect(it.end).toBeInstanceOf(SourceError);
    });

    test('gone meanwhile: it is one that is missing; all are counted', async () => {
      const gone = join(folder, 'gone.log');
      writeFileSync(gone, logFile([recordOf('gone')]));
      const it = read([join(folder, 'a.json.gz'), join(folder, 'sub', 'b.json'), gone, none], {
        settle: (_, index) => {
          if (index === 0) rmSync(gone);
          return 'delivered';
        },
      });
      await it.until(({ end }) => end !== 'open');
      expect(it.values('evt.id')).toEqual(['a1', 'a2', 'b1']);
      expect(it.said).toEqual(['error unreadable_file 1', 'error unreadable_file 1']);
      expect(String(it.end)).toContain('files that cannot be read: 2, such as');
    });
  });

  describe('reads ahead', () => {
    const large = join(folder, 'first.log');
    const next = join(folder, 'second.log');
    const ids = Array.from({ length: 3000 }, (_, index) => `f${index}`);
    writeFileSync(large, logFile(ids.map((id) => recordOf(id))));
    writeFileSync(next, logFile(['n1', 'f2999', 'n2'].map((id) => recordOf(id))));
    /** Starts to read both, and waits until what is ahead had its time. */
    async function held(): Promise<Harness> {
      const it = read([large, next], { credit: 256, settle: (_, index) => (index === 0 ? undefined : 'delivered') });
      await it.until(({ batches }) => batches.length === 1);
      await new Promise((wake) => setTimeout(wake, 300));
      return it;
    }

    test('and what is in two files comes with the first one', async () => {
      const it = await held();
      it.batches[0]?.ack.settle('delivered');
      await it.until(({ end }) => end === 'complete');
      expect(it.values('evt.id')).toEqual([...ids, 'n1', 'n2']);
      expect(it.metrics.total('duplicates')).toBe(1);
    });

    test('and stopped it knows neither: another run gives all', async () => {
      const it = await held();
      await it.stop();
      expect(it.batches).toHaveLength(1);
      expect(it.seen.size).toBe(0);
      const again = read([large, next], { seen: it.seen, position: it.position });
      await again.until(({ end }) => end === 'complete');
      expect(again.values('evt.id')).toEqual([...ids, 'n1', 'n2']);
      expect([...again.seen].map((id) => id.split(' ')[0])).toEqual([large, next]);
    });

    test('and what was delivered before it stopped is known, though what is ahead is not', async () => {
      const it = read([large, next], { settle: ({ events }) => (events.length === 2 ? undefined : 'delivered') });
      await it.until(({ seen, events }) => seen.size === 1 && events.length === 3002);
      await it.stop();
      expect([...it.seen].map((id) => id.split(' ')[0])).toEqual([large]);
      const again = read([large, next], { seen: it.seen });
      await again.until(({ end }) => end === 'complete');
      expect(again.values('evt.id')).toEqual(['n1', 'f2999', 'n2']);
    });
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
    const plan = { report: (diagnostic: { message: string }) => void said.push(diagnostic.message), claim: () => {} };
    cloudtrail.prepare?.(cloudtrail.config.parse(given), plan as never);
    expect(said).toContain(message);
  });
});
