/** Mode sqs, with the real clients against moto. */

import { PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hiddenFor } from '../../../src/sources/cloudtrail/queue.ts';
import { hasMoto, keyOf, logFile, REGION, recordOf } from '../../aws/moto.ts';
import { BUCKET, queueForEach } from './queue-stage.ts';

describe.skipIf(!hasMoto)('the source cloudtrail on a queue', () => {
  const queue = queueForEach();
  const { start, deliver, drained } = queue;

  const notification = (key: string) => ({
    Records: [
      {
        eventSource: 'aws:s3',
        eventName: 'ObjectCreated:Put',
        s3: { bucket: { name: BUCKET }, object: { key: encodeURIComponent(key).replaceAll('%20', '+') } },
      },
    ],
  });
  const shapes: [string, (key: string) => unknown][] = [
    [
      'CloudTrail through SNS',
      (key) => ({ Type: 'Notification', Message: JSON.stringify({ s3Bucket: BUCKET, s3ObjectKey: [key] }) }),
    ],
    ['CloudTrail, raw', (key) => ({ s3Bucket: BUCKET, s3ObjectKey: [key] })],
    ['S3', notification],
    ['S3 through SNS', (key) => ({ Type: 'Notification', Message: JSON.stringify(notification(key)) })],
    [
      'S3 through EventBridge',
      (key) => ({
        'detail-type': 'Object Created',
        source: 'aws.s3',
        detail: { bucket: { name: BUCKET }, object: { key } },
      }),
    ],
  ];

  test.each(shapes)('reads a log file that %s tells of, and deletes the message', async (shape, tell) => {
    const key = `a b+c/${keyOf(`shape${shape.length}`)}`;
    await queue.moto.put(BUCKET, key, logFile([recordOf('1', 'CreateUser'), recordOf('2')]));
    await queue.moto.send(queue.url, tell(key));
    const it = start();
    await it.until(({ events }) => events.length === 2);
    expect(it.values('ct.name')).toEqual(['CreateUser', 'RunInstances']);
    expect(it.events[0]).toMatchObject({
      source: 'aws_cloudtrail',
      type: 'CreateUser',
      time: 1772446501000000000n,
    });
    expect(it.values('evt.id')).toEqual(['1', '2']);
    await drained();
    expect([...it.seen]).toEqual([`s3://${BUCKET}/${key}`]);
    expect(it.said).toEqual([]);
    await it.until(({ metrics }) => metrics.counter('behind').value > 0);
    expect(it.metrics.counter('waiting').value).toBe(1);
  });

  test('takes events of EventBridge, also twice', async () => {
    const event = { version: '0', 'detail-type': 'AWS API Call via CloudTrail', detail: recordOf('e1', 'StopLogging') };
    for (const _ of [1, 2]) await queue.moto.send(queue.url, event);
    const it = start();
    await drained();
    expect(it.values('evt.id')).toEqual(['e1']);
    expect([...it.seen]).toEqual(['e1']);
  });

  test('keeps the second copy of an event while the first is under way, and gives it when that fails', async () => {
    const event = { version: '0', 'detail-type': 'AWS API Call via CloudTrail', detail: recordOf('e2', 'StopLogging') };
    const it = start({}, { settle: (_, index) => (index === 0 ? undefined : 'delivered') });
    await queue.moto.send(queue.url, event);
    await it.until(({ batches }) => batches.length === 1);
    await queue.moto.send(queue.url, event);
    await it.until(({ metrics }) => metrics.counter('duplicates', '').value === 1);
    expect([...it.seen]).toEqual([]);
    it.batches[0]?.ack.settle('failed');
    await it.until(({ batches }) => batches.length === 2);
    await drained();
    expect(it.values('evt.id')).toEqual(['e2', 'e2']);
    expect([...it.seen]).toEqual(['e2']);
  }, 20_000);

  test('keeps the second message of a log file while the first is under way, and gives it when that fails', async () => {
    const key = keyOf('copied');
    const it = start({}, { settle: (_, index) => (index === 0 ? undefined : 'delivered') });
    await deliver(key, logFile([recordOf('c1')]));
    await it.until(({ batches }) => batches.length === 1);
    await deliver(key, logFile([recordOf('c1')]));
    await it.until(({ metrics }) => metrics.counter('duplicates', '').value === 1);
    await new Promise((wake) => setTimeout(wake, 200));
    // Were the file known as done now, a kill would lose it.
    expect([...it.seen]).toEqual([]);
    expect(await queue.moto.depth(queue.url)).toEqual({ waiting: 0, hidden: 2 });
    it.batches[0]?.ack.settle('failed');
    await it.until(({ batches }) => batches.length === 2);
    await drained();
    expect(it.values('evt.id')).toEqual(['c1', 'c1']);
    expect([...it.seen]).toEqual([`s3://${BUCKET}/${key}`]);
  }, 20_000);

  test('takes a notification that S3 sends itself', async () => {
    const arn = `arn:aws:sqs:${REGION}:123456789012:${queue.name}`;
    const queues = [{ QueueArn: arn, Events: ['s3:ObjectCreated:*' as const] }];
    await queue.moto.bucket('notifying');
    const config = { Bucket: 'notifying', NotificationConfiguration: { QueueConfigurations: queues } };
    await queue.moto.s3.send(new PutBucketNotificationConfigurationCommand(config));
    await queue.moto.put('notifying', `odd name/${keyOf('own')}`, logFile([recordOf('n1')]));
    const it = start();
    await it.until(({ events }) => events.length === 1);
    await drained();
    expect(it.log.lines.join('')).toContain('S3 has tested the notification');
  });

  test('asks for no digest, of which the bucket tells too: it has no events', async () => {
    const digest = keyOf('x')
      .replace('/CloudTrail/', '/CloudTrail-Digest/')
      .replace('_CloudTrail_', '_CloudTrail-Digest_');
    await queue.moto.put(BUCKET, digest, logFile([]));
    await queue.moto.send(queue.url, notification(digest));
    await queue.moto.send(queue.url, { s3Bucket: BUCKET, s3ObjectKey: [digest, keyOf('beside')] });
    await queue.moto.put(BUCKET, keyOf('beside'), logFile([recordOf('beside')]));
    const it = start();
    await drained();
    expect([it.values('evt.id'), [...it.seen], it.reports]).toEqual([
      ['beside'],
      [`s3://${BUCKET}/${keyOf('beside')}`],
      [],
    ]);
  });

  test('gives a record once that is in two log files', async () => {
    await deliver(keyOf('one'), logFile([recordOf('d1'), recordOf('d2')]));
    await deliver(keyOf('two'), logFile([recordOf('d2'), recordOf('d3')]));
    const it = start({ concurrency: 1 });
    await drained();
    expect(it.values('evt.id').sort()).toEqual(['d1', 'd2', 'd3']);
    expect(it.metrics.counter('duplicates', '').value).toBe(1);
  });

  test('deletes a message of a log file that was read in an earlier life', async () => {
    const key = keyOf('earlier');
    await deliver(key, logFile([recordOf('x')]));
    const it = start({}, { seen: [`s3://${BUCKET}/${key}`] });
    await drained();
    expect(it.events).toEqual([]);
  });

  test('keeps a message until everything of it has settled', async () => {
    await deliver(keyOf('unsettled'), logFile([recordOf('u1')]));
    const it = start({}, { settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    await new Promise((wake) => setTimeout(wake, 200));
    expect(await queue.moto.depth(queue.url)).toEqual({ waiting: 0, hidden: 1 });
    expect([...it.seen]).toEqual([]);
    it.batches[0]?.ack.settle('delivered');
    await drained();
  });

  test('hides a message for longer while it is worked on', async () => {
    await deliver(keyOf('long'), logFile([recordOf('l1')]));
    const it = start({}, { settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    await new Promise((wake) => setTimeout(wake, 3000));
    expect(await queue.moto.depth(queue.url)).toEqual({ waiting: 0, hidden: 1 });
    expect(it.batches).toHaveLength(1);
    it.batches[0]?.ack.settle('delivered');
    await drained();
  }, 20_000);

  test('gives a message back whose events were not delivered, and gives them again when it comes', async () => {
    await deliver(keyOf('failing'), logFile([recordOf('f1')]));
    const it = start({}, { settle: (_, index) => (index === 0 ? 'failed' : 'delivered') });
    await it.until(({ batches }) => batches.length === 2);
    await drained();
    expect(it.values('evt.id')).toEqual(['f1', 'f1']);
  }, 20_000);

  test('counts a message whose events were never delivered, when the queue gives it no more', async () => {
    await deliver(keyOf('never'), logFile([recordOf('n1'), 7]));
    const it = start({}, { settle: () => 'failed' });
    await it.until(({ said }) => said.includes('drop undelivered 1'));
    // The record that is none is told of once, although the file came twice.
    expect(it.said).toEqual(['drop bad_record 1', 'error undelivered 1', 'drop undelivered 1']);
    expect(it.reports.at(-1)?.fields.message).toContain('it came 2 times: the queue puts it with its dead letters');
    expect(it.values('evt.id')).toEqual(['n1', 'n1']);
    expect([...it.seen]).toEqual([]);
  }, 20_000);

  test('gives back at the end what could not be delivered, for others to have at once', async () => {
    await deliver(keyOf('left'), logFile([recordOf('l1')]));
    const it = start({}, { settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    const stopped = it.stop(AbortSignal.timeout(5000));
    it.batches[0]?.ack.settle('failed', 'stopped');
    await stopped;
    expect(await queue.moto.depth(queue.url)).toEqual({ waiting: 1, hidden: 0 });
    expect([it.said, [...it.seen]]).toEqual([[], []]);
  });

  test('gives back at the end what it has not read', async () => {
    await deliver(keyOf('rest'), logFile(Array.from({ length: 600 }, (_, index) => recordOf(`r${index}`))));
    const it = start({}, { credit: 256, settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    const stopped = it.stop(AbortSignal.timeout(5000));
    it.batches[0]?.ack.settle('delivered');
    await stopped;
    expect(await queue.moto.depth(queue.url)).toEqual({ waiting: 1, hidden: 0 });
    expect([...it.seen]).toEqual([]);
    expect(it.said).toEqual([]);
    // The second time is the last: after that it would go to the dead letters.
    const again = start({}, { credit: 256, settle: () => undefined });
    await again.until(({ batches }) => batches.length === 1);
    const over = again.stop(AbortSignal.timeout(5000));
    again.batches[0]?.ack.settle('delivered');
    await over;
    expect(again.said).toEqual(['drop stopped 1']);
  });

  test('hides what failed for longer each time, and for long before the last', () => {
    const minutes = 60_000;
    const receives = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(receives, receives, fc.integer({ min: 2000, max: 720 * minutes }), (received, most, visibility) => {
        for (const random of [0, 0.5, 0.999]) {
          const hidden = hiddenFor(received, most, visibility, () => random);
          expect(hidden).toBeGreaterThanOrEqual(1);
          expect(hidden).toBeLessThanOrEqual(Math.min(43_200, Math.ceil((3 * visibility) / 1000)));
          if (received === most - 1) expect(hidden * 1000).toBeGreaterThanOrEqual(visibility);
        }
      }),
    );
    expect([1, 2, 3, 4, 5, 6].map((n) => hiddenFor(n, 10, 5 * minutes, () => 0))).toEqual([30, 90, 270, 810, 900, 900]);
    // What failed together is spread: up to a quarter sooner, and the last chance up to a quarter later.
    expect([1, 2].map((n) => hiddenFor(n, 10, 5 * minutes, () => 0.999))).toEqual([23, 68]);
    expect([0, 0.999].map((random) => hiddenFor(1, 2, 5 * minutes, () => random))).toEqual([300, 375]);
  });

  test('is not well before it has the queue', async () => {
    const it = start();
    expect(it.trouble).toBe('not connected yet');
    await it.until(({ trouble }) => trouble === undefined);
  });
});
