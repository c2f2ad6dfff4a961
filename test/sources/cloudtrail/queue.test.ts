/** Mode sqs, with the real clients against moto. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand, PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { Aws } from '../../../src/sources/cloudtrail/aws.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { hiddenFor } from '../../../src/sources/cloudtrail/queue.ts';
import { Front } from '../../aws/front.ts';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const BUCKET = 'logs';

describe.skipIf(!hasMoto)('the source cloudtrail on a queue', () => {
  let moto: Moto;
  let count = 0;
  let url = '';
  let name = '';
  let dead = '';
  const open: Harness[] = [];

  beforeAll(async () => {
    setCredentials();
    moto = await Moto.start();
    await moto.bucket(BUCKET);
  });
  afterAll(() => moto?.stop());
  beforeEach(async () => {
    name = `queue-${++count}`;
    ({ url, dead } = await moto.queue(name, 2));
  });
  afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

  function start(config: object = {}, options: HarnessOptions = {}): Harness {
    // What failed comes again after a second or two, not after half a minute.
    const visibility = '2s';
    const given = { mode: 'sqs', queue: name, endpoint: moto.endpoint, region: REGION, visibility, ...config };
    const harness = new Harness(cloudtrail, given, { keep: ['ct.name', 'evt.id'], ...options });
    open.push(harness);
    return harness;
  }

  /** Puts a log file and tells of it as CloudTrail does without SNS. */
  async function deliver(key: string, body: Buffer | string): Promise<void> {
    await moto.put(BUCKET, key, body);
    await moto.send(url, { s3Bucket: BUCKET, s3ObjectKey: [key] });
  }

  const empty = async () => {
    const { waiting, hidden } = await moto.depth(url);
    return waiting === 0 && hidden === 0;
  };
  /** Waits until there are no messages any more. */
  async function drained(): Promise<void> {
    for (let tries = 0; !(await empty()); tries++) {
      if (tries > 200) throw new Error('the queue does not become empty');
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

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
    await moto.put(BUCKET, key, logFile([recordOf('1', 'CreateUser'), recordOf('2')]));
    await moto.send(url, tell(key));
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
    for (const _ of [1, 2]) await moto.send(url, event);
    const it = start();
    await drained();
    expect(it.values('evt.id')).toEqual(['e1']);
    expect([...it.seen]).toEqual(['e1']);
  });

  test('keeps the second copy of an event while the first is under way, and gives it when that fails', async () => {
    const event = { version: '0', 'detail-type': 'AWS API Call via CloudTrail', detail: recordOf('e2', 'StopLogging') };
    const it = start({}, { settle: (_, index) => (index === 0 ? undefined : 'delivered') });
    await moto.send(url, event);
    await it.until(({ batches }) => batches.length === 1);
    await moto.send(url, event);
    await it.until(({ metrics }) => metrics.counter('duplicates', '').value === 1);
    expect([...it.seen]).toEqual([]);
    it.batches[0]?.ack.settle('failed');
    await it.until(({ batches }) => batches.length === 2);
    await drained();
    expect(it.values('evt.id')).toEqual(['e2', 'e2']);
    expect([...it.seen]).toEqual(['e2']);
  }, 20_000);

  test('takes a notification that S3 sends itself', async () => {
    const arn = `arn:aws:sqs:${REGION}:123456789012:${name}`;
    const queues = [{ QueueArn: arn, Events: ['s3:ObjectCreated:*' as const] }];
    await moto.bucket('notifying');
    const config = { Bucket: 'notifying', NotificationConfiguration: { QueueConfigurations: queues } };
    await moto.s3.send(new PutBucketNotificationConfigurationCommand(config));
    await moto.put('notifying', `odd name/${keyOf('own')}`, logFile([recordOf('n1')]));
    const it = start();
    await it.until(({ events }) => events.length === 1);
    await drained();
    expect(it.log.lines.join('')).toContain('S3 has tested the notification');
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
    expect(await moto.depth(url)).toEqual({ waiting: 0, hidden: 1 });
    expect([...it.seen]).toEqual([]);
    it.batches[0]?.ack.settle('delivered');
    await drained();
  });

  test('hides a message for longer while it is worked on', async () => {
    await deliver(keyOf('long'), logFile([recordOf('l1')]));
    const it = start({}, { settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    await new Promise((wake) => setTimeout(wake, 3000));
    expect(await moto.depth(url)).toEqual({ waiting: 0, hidden: 1 });
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

  test('reads the other log files of a message when one cannot be read', async () => {
    await moto.put(BUCKET, keyOf('bad'), gzipSync('<html>no</html>'));
    await moto.put(BUCKET, keyOf('fine'), logFile([recordOf('fine')]));
    await moto.send(url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('bad'), keyOf('fine')] });
    const it = start();
    await it.until(({ said }) => said.includes('drop bad_message 1'));
    expect(it.values('evt.id')).toEqual(['fine']);
    expect([...it.seen]).toEqual([`s3://${BUCKET}/${keyOf('fine')}`]);
  }, 20_000);

  test('does not give a message up for what cannot be read, while another file of it is refused', async () => {
    const front = await Front.before(moto.endpoint);
    try {
      await moto.put(BUCKET, keyOf('bad'), gzipSync('<html>no</html>'));
      front.refuse('_refused.json.gz', 'AccessDenied');
      await moto.send(url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('bad'), keyOf('refused')] });
      const it = start({ endpoint: front.endpoint, queue: url });
      await it.until(({ said }) => said.length === 2);
      expect(it.said).toEqual(['error access_denied 1', 'drop access_denied 1']);
      await it.stop();
    } finally {
      front.stop();
    }
  }, 20_000);

  test('gives back at the end what it has not read', async () => {
    await deliver(keyOf('rest'), logFile(Array.from({ length: 600 }, (_, index) => recordOf(`r${index}`))));
    const it = start({}, { credit: 256, settle: () => undefined });
    await it.until(({ batches }) => batches.length === 1);
    const stopped = it.stop(AbortSignal.timeout(5000));
    it.batches[0]?.ack.settle('delivered');
    await stopped;
    expect(await moto.depth(url)).toEqual({ waiting: 1, hidden: 0 });
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

  test('a log file that is gone is a dead letter with its name', async () => {
    const key = keyOf('gone');
    await deliver(key, logFile([recordOf('g1')]));
    await moto.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
    const it = start();
    await drained();
    expect(it.said).toEqual(['drop missing_object 1']);
    expect(it.reports[0]?.fields).toMatchObject({
      event: `s3://${BUCKET}/${key}`,
      message: `s3://${BUCKET}/${key} is not there: what it had was not seen`,
    });
    expect([...it.seen]).toEqual([`s3://${BUCKET}/${key}`]);
    expect(it.slept).toHaveLength(3);
  });

  test('leaves what cannot be read to the redrive policy, counted once, and goes on', async () => {
    const junk = () => ({ junk: randomBytes(500).toString('hex') });
    const whole = logFile(Array.from({ length: 50 }, (_, index) => recordOf(`t${index}`, 'X', junk())));
    const broken = {
      truncated: [whole.subarray(0, whole.length - 2000), 'unexpected end of file'],
      html: [gzipSync('<html>no</html>'), 'no JSON'],
      garbage: [Buffer.from([0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8]), 'unknown compression method'],
      cut: [gzipSync('{"Records":[{"eventName":"X","eventID":"x"}'), 'ends in the middle'],
      large: [gzipSync(JSON.stringify({ a: ' '.repeat(3_000_000), Records: [] })), 'more than 1048576 bytes'],
    } as const;
    for (const [key, [body]] of Object.entries(broken)) await deliver(keyOf(key), body);
    await moto.send(url, 'hello');
    const it = start({ max_object: '1MiB' });
    const drops = () => it.reports.filter(({ type }) => type === 'drop').map(({ fields }) => String(fields.message));
    await it.until(() => drops().length === 6);
    expect(new Set(it.said)).toEqual(new Set(['error bad_message 1', 'drop bad_message 1']));
    for (const [key, [, why]] of Object.entries(broken)) {
      expect(drops().find((each) => each.includes(`_${key}.`))).toContain(why);
    }
    expect(drops().some((each) => each.includes('it is no JSON object'))).toBe(true);
    // What was whole before the damage went on, once.
    const ids = it.values('evt.id');
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(10);
    await deliver(keyOf('after'), logFile([recordOf('after')]));
    await it.until(({ events }) => events.at(-1)?.get('evt.id') === 'after');
    expect(it.end).toBe('open');
    for (let tries = 0; (await moto.depth(dead)).waiting < 6; tries++) {
      if (tries > 300) throw new Error('they do not reach the dead letters');
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }, 30_000);

  test('gives up what cannot be read where there is no redrive policy', async () => {
    const { url: own } = await moto.queue(`plain-${count}`);
    await moto.send(own, { Type: 'Notification', Message: '{"odd":true}' });
    const it = start({ queue: own });
    await it.until(({ said }) => said.includes('error bad_message 1'));
    expect(it.reports[0]?.fields.message).toContain('its form is unknown');
    expect(await moto.depth(own)).toEqual({ waiting: 0, hidden: 1 });
  });

  test('leaves out a bomb of 300 MB and goes on with the records behind it', async () => {
    const parts = [
      '{"Records":[{"eventName":"A","eventID":"b1"},{"eventName":"',
      'x'.repeat(300_000_000),
      '"},{"eventName":"B","eventID":"b2"}]}',
    ];
    await deliver(keyOf('bomb'), gzipSync(Buffer.concat(parts.map((part) => Buffer.from(part))), { level: 1 }));
    const before = process.memoryUsage().arrayBuffers;
    const it = start();
    await it.until(({ events }) => events.length === 2);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
    expect(it.values('ct.name')).toEqual(['A', 'B']);
    expect(it.said).toEqual(['drop large_record 1']);
    await drained();
  }, 60_000);

  test('leaves out records that are none, null everywhere, in any order', async () => {
    const nothing = Object.fromEntries(Object.keys(recordOf('')).map((key) => [key, null]));
    await deliver(
      keyOf('odd'),
      logFile([
        { ...nothing, eventName: 'Nulls' },
        nothing,
        1,
        'text',
        null,
        recordOf('o2', 'Z'),
        { eventName: 'a\u2028"', eventID: 7 },
      ]),
    );
    const it = start();
    await it.until(({ events }) => events.length === 3);
    expect(it.values('ct.name')).toEqual(['Nulls', 'Z', 'a\u2028"']);
    expect(it.values('evt.id')).toEqual([undefined, 'o2', '7']);
    expect(it.said.toSorted()).toEqual([
      'drop bad_record 1',
      'drop bad_record 1',
      'drop bad_record 1',
      'drop bad_record 1',
    ]);
    await drained();
  });

  test.each([2, 3, 5])(
    'makes no dead letter of what cannot be fetched for two minutes, where the queue gives it %i times',
    async (receives) => {
      const OUTAGE = 120;
      const front = await Front.before(moto.endpoint);
      // Time runs as the source asks to wait: it asks the queue to hide a message, and the queue hides it for no second.
      let waited = 0;
      const send = SQSClient.prototype.send;
      const asked = vi.spyOn(SQSClient.prototype, 'send').mockImplementation(function (this: SQSClient, ...args) {
        const [{ input }] = args as unknown as [
          { input: { VisibilityTimeout?: number; MaxNumberOfMessages?: number } },
        ];
        if (input.VisibilityTimeout !== undefined && input.MaxNumberOfMessages === undefined) {
          waited += input.VisibilityTimeout;
          input.VisibilityTimeout = 0;
          if (waited >= OUTAGE) front.pass('_outage.json.gz');
        }
        return send.apply(this, args);
      });
      try {
        const own = await moto.queue(`outage-${receives}`, receives);
        await moto.put(BUCKET, keyOf('outage'), logFile([recordOf('o1')]));
        front.answer('_outage.json.gz', (response) => response.writeHead(503).end());
        await moto.send(own.url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('outage')] });
        const it = start({ queue: own.url, endpoint: front.endpoint, visibility: '5m' });
        await it.until(({ events, said }) => events.length === 1 || said.includes('drop fetch_failed 1'));
        expect(new Set(it.said)).toEqual(new Set(['error fetch_failed 1']));
        expect(it.values('evt.id')).toEqual(['o1']);
        await it.stop();
      } finally {
        asked.mockRestore();
        front.stop();
      }
    },
    30_000,
  );

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

  describe('of which the log files are elsewhere', () => {
    let storage: Server;
    /** What is answered: the code of an error, or a log file. */
    let answer: string | Buffer;

    beforeEach(async () => {
      storage = createServer((request, response) => {
        request.resume();
        if (typeof answer !== 'string') return void response.end(answer);
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end(`<Error><Code>${answer}</Code><Message>it is ${answer}</Message></Error>`);
      }).listen(0, '127.0.0.1');
      await once(storage, 'listening');
      const { port } = storage.address() as AddressInfo;
      vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${port}`);
      vi.stubEnv('AWS_ENDPOINT_URL_SQS', moto.endpoint);
      await moto.send(url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('elsewhere')] });
    });
    afterEach(() => {
      vi.unstubAllEnvs();
      storage.closeAllConnections();
      storage.close();
    });

    test('is not well while they are refused, and goes on once they are not', async () => {
      answer = 'AccessDenied';
      const it = start({ endpoint: undefined, queue: url });
      await it.until(({ said }) => said.length > 0);
      expect(it.trouble).toContain('a log file cannot be fetched: it is AccessDenied');
      expect(it.said).toEqual(['error access_denied 1']);
      answer = logFile([recordOf('late')]);
      await it.until(({ events }) => events.length === 1);
      expect(it.trouble).toBeUndefined();
      await drained();
    }, 20_000);

    test.each(['ExpiredToken', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'])(
      'ends for good where the credentials are no more: %s',
      async (code) => {
        answer = code;
        const it = start({ endpoint: undefined, queue: url });
        await it.until(({ end }) => end !== 'open');
        expect(it.end).toBeInstanceOf(SourceError);
        expect(String(it.end)).toContain(`a log file cannot be fetched: ${code}`);
      },
    );
  });

  test('leaves no client open where another cannot be made', async () => {
    const destroyed = vi.spyOn(SQSClient.prototype, 'destroy');
    const made = vi.spyOn(Aws.prototype, 's3').mockRejectedValue(new Error('no storage'));
    try {
      const it = start();
      await it.until(({ end }) => end !== 'open');
      expect(String(it.end)).toContain('no storage');
      await it.until(() => destroyed.mock.calls.length === 1);
    } finally {
      made.mockRestore();
      destroyed.mockRestore();
    }
  });

  test('ends for good, and alone, where there is no queue', async () => {
    const it = start({ queue: 'none' });
    await it.until(({ end }) => end !== 'open');
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toContain('the queue none cannot be had');
  });

  test('ends for good where nobody says who we are', async () => {
    const { AWS_ACCESS_KEY_ID: key } = process.env;
    delete process.env.AWS_ACCESS_KEY_ID;
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
      AWS_CONFIG_FILE: '/nowhere',
    });
    try {
      const it = start();
      await it.until(({ end }) => end !== 'open');
      expect(it.end).toBeInstanceOf(SourceError);
      expect(String(it.end)).toMatch(/credentials.*; set AWS_ACCESS_KEY_ID .*`profile`/i);
    } finally {
      process.env.AWS_ACCESS_KEY_ID = key;
      delete process.env.AWS_SHARED_CREDENTIALS_FILE;
      delete process.env.AWS_CONFIG_FILE;
    }
  });
});
