/** Mode sqs, with the real clients against moto: what cannot be read, is refused, or is not there. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { messageOf, SourceError } from '../../../src/core/errors.ts';
import { Aws } from '../../../src/sources/cloudtrail/aws.ts';
import { Front } from '../../aws/front.ts';
import { hasMoto, keyOf, logFile, recordOf } from '../../aws/moto.ts';
import { BUCKET, queueForEach } from './queue-stage.ts';

describe.skipIf(!hasMoto)('the source cloudtrail on a queue, in trouble', () => {
  const queue = queueForEach();
  const { start, deliver, drained } = queue;

  test('reads the other log files of a message when one cannot be read', async () => {
    await queue.moto.put(BUCKET, keyOf('bad'), gzipSync('<html>no</html>'));
    await queue.moto.put(BUCKET, keyOf('fine'), logFile([recordOf('fine')]));
    await queue.moto.send(queue.url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('bad'), keyOf('fine')] });
    const it = start();
    await it.until(({ said }) => said.includes('drop bad_message 1'));
    expect(it.values('evt.id')).toEqual(['fine']);
    expect([...it.seen]).toEqual([`s3://${BUCKET}/${keyOf('fine')}`]);
  }, 20_000);

  test('does not give a message up for what cannot be read, while another file of it is refused', async () => {
    const front = await Front.before(queue.moto.endpoint);
    try {
      await queue.moto.put(BUCKET, keyOf('bad'), gzipSync('<html>no</html>'));
      front.refuse('_refused.json.gz', 'AccessDenied');
      await queue.moto.send(queue.url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('bad'), keyOf('refused')] });
      const it = start({ endpoint: front.endpoint, queue: queue.url });
      await it.until(({ said }) => said.length === 2);
      expect(it.said).toEqual(['error access_denied 1', 'drop access_denied 1']);
      await it.stop();
    } finally {
      front.stop();
    }
  }, 20_000);

  test('says the status and the beginning of a page that what is in between answers with, of queue and bucket', async () => {
    const front = await Front.before(queue.moto.endpoint);
    try {
      const page = (status: number) => (response: ServerResponse) =>
        response.writeHead(status).end('<p>blocked by policy');
      front.answer(keyOf('paged'), page(403));
      await deliver(keyOf('paged'), logFile([recordOf('p1')]));
      const it = start({ endpoint: front.endpoint, queue: queue.url });
      await it.until(({ said }) => said.length > 0);
      const told = (status: number) => `status ${status} with an answer that is not AWS's: <p>blocked by policy`;
      expect(it.reports[0]?.fields).toMatchObject({
        reason: 'fetch_failed',
        message: `${told(403)}; the message comes again`,
      });
      await it.stop();
      front.answer('/', page(407));
      const other = start({ endpoint: front.endpoint });
      await other.until(({ end }) => end !== 'open');
      expect(messageOf(other.end)).toBe(`the queue ${queue.name} cannot be had: ${told(407)}`);
    } finally {
      front.stop();
    }
  }, 20_000);

  test('a log file that is gone is a dead letter with its name', async () => {
    const key = keyOf('gone');
    await deliver(key, logFile([recordOf('g1')]));
    await queue.moto.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
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
    await queue.moto.send(queue.url, 'hello');
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
    for (let tries = 0; (await queue.moto.depth(queue.dead)).waiting < 6; tries++) {
      if (tries > 300) throw new Error('they do not reach the dead letters');
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }, 30_000);

  test('gives up what cannot be read where there is no redrive policy', async () => {
    const { url: own } = await queue.moto.queue(`plain-${queue.count}`);
    await queue.moto.send(own, { Type: 'Notification', Message: '{"odd":true}' });
    const it = start({ queue: own });
    await it.until(({ said }) => said.includes('error bad_message 1'));
    expect(it.reports[0]?.fields.message).toContain('its form is unknown');
    expect(await queue.moto.depth(own)).toEqual({ waiting: 0, hidden: 1 });
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
      const front = await Front.before(queue.moto.endpoint);
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
        const own = await queue.moto.queue(`outage-${receives}`, receives);
        await queue.moto.put(BUCKET, keyOf('outage'), logFile([recordOf('o1')]));
        front.answer('_outage.json.gz', (response) => response.writeHead(503).end());
        await queue.moto.send(own.url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('outage')] });
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

  test('hides a message for 12 hours at most, says once that it comes again then, and asks for no more', async () => {
    const HOUR = 3_600_000;
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const hidden: [number, number][] = [];
    const send = SQSClient.prototype.send;
    const asked = vi.spyOn(SQSClient.prototype, 'send').mockImplementation(function (this: SQSClient, ...args) {
      const [{ input }] = args as unknown as [{ input: { VisibilityTimeout?: number; MaxNumberOfMessages?: number } }];
      if (input.MaxNumberOfMessages !== undefined || input.VisibilityTimeout === undefined)
        return send.apply(this, args);
      hidden.push([Math.round((performance.now() - began) / HOUR), input.VisibilityTimeout]);
      return Promise.resolve({}) as never;
    });
    const began = performance.now();
    try {
      await deliver(keyOf('late'), logFile([recordOf('l1')]));
      const it = start({ visibility: '4h' }, { settle: () => undefined });
      await it.until(({ events }) => events.length === 1);
      for (let hour = 0; hour < 20; hour++) vi.advanceTimersByTime(HOUR);
      expect(it.said).toEqual(['error hidden_too_long 1']);
      expect(hidden.slice(0, 3)).toEqual([
        [2, 14_400],
        [4, 14_400],
        [6, 14_400],
      ]);
      const [at = 0, seconds = 0] = hidden[3] ?? [];
      expect(hidden).toHaveLength(4);
      expect(at).toBe(8);
      expect(seconds).toBeGreaterThan(4 * 3600 - 60);
      expect(8 * 3600 + seconds).toBeLessThan(12 * 3600);
    } finally {
      asked.mockRestore();
      vi.useRealTimers();
    }
  }, 20_000);

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
      vi.stubEnv('AWS_ENDPOINT_URL_SQS', queue.moto.endpoint);
      await queue.moto.send(queue.url, { s3Bucket: BUCKET, s3ObjectKey: [keyOf('elsewhere')] });
    });
    afterEach(() => {
      vi.unstubAllEnvs();
      storage.closeAllConnections();
      storage.close();
    });

    test('is not well while they are refused, and goes on once they are not', async () => {
      answer = 'AccessDenied';
      const it = start({ endpoint: undefined, queue: queue.url });
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
        const it = start({ endpoint: undefined, queue: queue.url });
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
