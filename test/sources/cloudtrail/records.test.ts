/** What log files, keys and messages say. */

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { decodeDocument } from '../../../src/events/cloud/decode.ts';
import type { CloudEvent } from '../../../src/events/cloud/event.ts';
import { headKeys } from '../../../src/events/cloud/heads.ts';
import { isInterval, parseInterval } from '../../../src/sources/cloudtrail/interval.ts';
import { keyAt, parseKey } from '../../../src/sources/cloudtrail/key.ts';
import { tellMessage } from '../../../src/sources/cloudtrail/message.ts';
import { Names } from '../../../src/sources/cloudtrail/names.ts';
import { Recent } from '../../../src/sources/cloudtrail/recent.ts';
import { eventsOf } from '../../../src/sources/cloudtrail/records.ts';
import { TextKey } from '../../../src/sources/cloudtrail/text-set.ts';
import { Broken, unpack } from '../../../src/sources/shared/cloud-worker/unpack.ts';
import { launch } from '../../events/cloud/samples/aws.ts';

const NOW = 1_772_446_501_000;

async function read(body: Buffer, size = body.length): Promise<{ events: CloudEvent[]; said: unknown[] }> {
  const said: unknown[] = [];
  const chunks = (async function* () {
    for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
  })();
  const events: CloudEvent[] = [];
  const recent = new Recent();
  const options = { list: 'Records', heads: headKeys, maxRecord: 1 << 20, maxBytes: 1 << 24 };
  for await (const pack of unpack(chunks, options)) {
    const unpacked = eventsOf(pack, { now: () => NOW }, recent);
    events.push(...unpacked.events);
    said.push(...unpacked.problems, ...pack.problems);
  }
  return { events, said };
}

/** All fields of an event that do not count or tell the time. */
function fieldsOf(event: CloudEvent): Record<string, unknown> {
  const names = (catalogues.get('aws_cloudtrail')?.fields ?? []).filter(({ arg, name }) => !arg && name !== 'evt.num');
  return Object.fromEntries(names.map(({ name }) => [name, event.get(name)]));
}

describe('records of a log file', () => {
  const odd = [
    launch.document,
    { ...launch.document, eventName: 'ä"\\\n', eventID: 'a\u0000b' },
    { ...launch.document, eventID: '', eventName: null, errorCode: '', eventSource: 7, eventTime: 'never' },
    { eventType: 'AwsCloudTrailInsight', insightDetails: { state: 'Start' }, id: 1.5 },
    { eventName: 'Big', requestParameters: { number: 1 } },
  ];

  test.each([
    ['compressed', (json: string) => gzipSync(json)],
    ['plain', (json: string) => Buffer.from(json)],
  ])('are the same as when they are parsed at once: %s', async (_, write) => {
    for (const size of [1, 7, 100_000]) {
      const { events, said } = await read(write(JSON.stringify({ Records: odd })), size);
      expect(said).toEqual([]);
      const expected = odd.map((document) => decodeDocument('aws_cloudtrail', document, BigInt(NOW) * 1_000_000n));
      expect(events.map(fieldsOf)).toEqual(expected.map((each) => 'event' in each && fieldsOf(each.event)));
      expect(events.map(({ type, time, id }) => [type, time, id])).toEqual(
        expected.map((each) => 'event' in each && [each.event.type, each.event.time, each.event.id]),
      );
    }
  });

  test.each([
    ['compressed', (json: string) => gzipSync(json, { level: 0 })],
    ['plain', (json: string) => Buffer.from(json)],
  ])('of megabytes come out whole, whatever the pieces: %s', async (_, write) => {
    const all = Array.from({ length: 40 }, (_, index) => ({
      eventName: `N${index}`,
      requestParameters: { text: String(index % 10).repeat(10 + ((index * 7919) % 200_000)) },
    }));
    for (const size of [65_536, 262_144]) {
      const { events, said } = await read(write(JSON.stringify({ Records: all })), size);
      expect(said).toEqual([]);
      expect(events.map(({ document }) => document)).toEqual(all);
    }
  });

  test('keep integers exact', async () => {
    const { events } = await read(Buffer.from('[{"eventName":"x","requestParameters":{"id":12345678901234567890}}]'));
    expect(events[0]?.get('ct.request')).toBe('{"id":12345678901234567890}');
  });

  test('that cannot be read are told with what they are', async () => {
    const { events, said } = await read(Buffer.from('[{"eventVersion":"1.08"},{"eventName":"x"},true]'));
    expect(events).toHaveLength(1);
    expect(said).toEqual([
      expect.objectContaining({ reason: 'bad_record', text: '{"eventVersion":"1.08"}' }),
      expect.objectContaining({ reason: 'bad_record', text: 'true' }),
    ]);
  });

  test('many files are read at once by one thread, each with its own', async () => {
    const files = Array.from({ length: 20 }, (_, file) =>
      gzipSync(
        JSON.stringify({ Records: Array.from({ length: 500 }, (_, index) => ({ eventName: `${file} ${index}` })) }),
      ),
    );
    const all = await Promise.all(files.map((file) => read(file, 1000)));
    all.forEach(({ events }, file) => {
      expect(events.map(({ type }) => type)).toEqual(Array.from({ length: 500 }, (_, index) => `${file} ${index}`));
    });
  });

  test('are there until they have settled', async () => {
    const chunks = (async function* () {
      yield Buffer.from(JSON.stringify({ Records: [launch.document] }));
    })();
    const options = { list: 'Records', heads: headKeys, maxRecord: 1 << 20, maxBytes: 1 << 20 };
    for await (const pack of unpack(chunks, options)) {
      const { events, release } = eventsOf(pack, { now: () => NOW }, new Recent());
      const [event] = events;
      expect(event?.get('ct.error')).toBe('Denied');
      release();
      release();
      expect(event?.get('ct.name')).toBe('RunInstances');
      expect(() => event?.get('ct.user')).toThrow('this event has settled');
      expect(() => event?.get('ct.error')).toThrow('this event has settled');
    }
  });

  test('come with the memory of what was fetched, but for what others use', async () => {
    const json = Buffer.from(JSON.stringify({ Records: [{ eventName: 'x', requestParameters: 'y'.repeat(100_000) }] }));
    const alone = Buffer.allocUnsafeSlow(json.length);
    const part = Buffer.allocUnsafeSlow(json.length + 1);
    for (const buffer of [alone, part]) {
      json.copy(buffer);
      const { events } = await read(buffer.subarray(0, json.length));
      expect(events.map(({ type }) => type)).toEqual(['x']);
    }
    expect(alone.length).toBe(0);
    expect(part.subarray(0, json.length).equals(json)).toBe(true);
  });

  test('of nothing are none', async () => {
    expect((await read(Buffer.alloc(0))).events).toEqual([]);
    expect((await read(gzipSync('{"Records":[]}'))).events).toEqual([]);
    await expect(read(Buffer.from('{'))).rejects.toThrow(Broken);
  });

  test('one that fails to come fails to be read', async () => {
    const chunks = (async function* () {
      yield Buffer.from('{"Records":[');
      throw new Error('the line is cut');
    })();
    const options = { list: 'Records', heads: headKeys, maxRecord: 1000, maxBytes: 1000 };
    const readAll = async () => {
      for await (const _ of unpack(chunks, options));
    };
    await expect(readAll()).rejects.toThrow('the line is cut');
  });

  test('are read by one new worker when one has ended', async () => {
    const made: unknown[] = [];
    const count = (worker: unknown) => void made.push(worker);
    process.on('worker', count);
    try {
      const file = gzipSync(JSON.stringify({ Records: [launch.document] }));
      await read(file);
      made.length = 0;
      // Nobody asks for that: it ends the worker with an error, and only then with its end.
      await expect(unpack((async function* () {})(), {} as never).next()).rejects.toThrow();
      for (let times = 0; times < 3; times++) expect((await read(file)).events).toHaveLength(1);
      expect(made).toHaveLength(1);
    } finally {
      process.off('worker', count);
    }
  });

  test('that came lately are left out, whichever way they are written', async () => {
    const name = '"eventName":"x"';
    const records = [
      `{${name},"eventID":"a"}`,
      `{${name}}`,
      `{${name},"eventID":"\\u0061"}`,
      `{${name}}`,
      `{${name},"eventID":"ä"}`,
      `{${name},"eventID":"\\u00e4"}`,
      `{${name},"eventID":"${'b'.repeat(100)}"}`,
      `{${name},"eventID":"${'b'.repeat(100)}"}`,
      `{${name},"eventID":""}`,
      `{${name},"eventID":""}`,
    ];
    const { events } = await read(Buffer.from(`[${records.join()}]`));
    expect(events.map(({ id }) => id)).toEqual(['a', undefined, undefined, 'ä', 'b'.repeat(100), undefined, undefined]);
  });
});

describe('what came lately', () => {
  test('is new again once it was forgotten, or much came since', () => {
    const recent = new Recent();
    expect([recent.isNew('a'), recent.isNew('a')]).toEqual([true, false]);
    recent.forget([{ id: 'a' }, { id: undefined }] as CloudEvent[]);
    expect([recent.isNew('a'), recent.isNew('a')]).toEqual([true, false]);
    for (let index = 0; index < 100_000; index++) expect(recent.isNew(`b${index}`)).toBe(true);
    expect(recent.isNew('a')).toBe(true);
    expect(recent.isNew('b99999')).toBe(false);
  });

  test('is what a set of texts has', () => {
    const id = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.uuid(),
      fc.string({ unit: 'grapheme', minLength: 30, maxLength: 50 }),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ id, forget: fc.boolean(), inside: fc.boolean() })), (steps) => {
        const recent = new Recent();
        const known = new Set<string>();
        for (const { id, forget, inside } of steps) {
          const isNew = inside ? isNewInside(recent, id) : recent.isNew(id);
          expect(isNew).toBe(!known.has(id));
          known.add(id);
          if (!forget) continue;
          recent.forget([{ id } as CloudEvent]);
          known.delete(id);
        }
      }),
    );
  });

  test('is found as fast when somebody has chosen the ids', () => {
    // Pairs of words of which the second may undo what the first has changed, where words are mixed one after the other.
    const texts = Array.from({ length: 256 }, (_, number) => {
      const bytes = Buffer.alloc(32, 'A');
      for (let pair = 0; pair < 4; pair++) {
        const change = ((number >> (pair * 2)) & 3) << 28;
        bytes.writeInt32LE(bytes.readInt32LE(pair * 8) ^ change, pair * 8);
        bytes.writeInt32LE(bytes.readInt32LE(pair * 8 + 4) ^ change ^ (change >>> 15), pair * 8 + 4);
      }
      return bytes;
    });
    const key = new TextKey();
    const places = new Set<number>();
    for (const text of texts) {
      expect(key.load(new DataView(text.buffer, text.byteOffset, text.length), 0, text.length)).toBe(true);
      places.add(key.placeIn(32_768));
    }
    // About one pair of them meets in so many places.
    expect(places.size).toBeGreaterThan(64);
  });

  /** As one that stands among other bytes. */
  function isNewInside(recent: Recent, id: string): boolean {
    const bytes = Buffer.from(`"${id}"`);
    return recent.isNewIn(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 1, bytes.length - 1);
  }
});

test('names are what their bytes say, however many there are', () => {
  const names = new Names();
  const name = fc.oneof(fc.string({ maxLength: 80 }), fc.stringMatching(/^(Get|Put|ä)[a-c]{0,3}$/));
  fc.assert(
    fc.property(fc.array(name), (all) => {
      for (const each of all) {
        const bytes = Buffer.from(`"${each}"`);
        expect(names.of(bytes, 1, bytes.length - 1)).toBe(bytes.toString('utf8', 1, bytes.length - 1));
      }
    }),
  );
});

describe('messages', () => {
  test.each([
    ['CloudTrail validation message.', { nothing: expect.any(String) }],
    ['{"Service":"Amazon S3","Event":"s3:TestEvent"}', { nothing: expect.any(String) }],
    [
      '{"s3Bucket":"b","s3ObjectKey":["k1","k+2"]}',
      {
        objects: [
          { bucket: 'b', key: 'k1' },
          { bucket: 'b', key: 'k+2' },
        ],
      },
    ],
    ['{"s3Bucket":"b","s3ObjectKey":"k"}', { objects: [{ bucket: 'b', key: 'k' }] }],
    ['{"s3Bucket":"b","s3ObjectKey":[]}', { problem: expect.stringContaining('no log file') }],
    [
      '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}',
      { nothing: expect.any(String) },
    ],
    [
      '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a%2Bb+c%ZZ"}}}]}',
      { objects: [{ bucket: 'b', key: 'a%2Bb+c%ZZ' }] },
    ],
    ['{"Records":[{"eventSource":"aws:s3"}]}', { problem: expect.stringContaining('without bucket or key') }],
    ['{"Records":[]}', { nothing: expect.any(String) }],
    ['{"Records":[{"eventSource":"aws:ses"}]}', { problem: expect.stringContaining('unknown') }],
    [
      '{"detail-type":"Amazon API Call via CloudTrail","detail":{"eventVersion":"1.08","eventID":"x"}}',
      { record: { eventVersion: '1.08', eventID: 'x' } },
    ],
    ['{"detail-type":"Scheduled Event","detail":{}}', { problem: expect.stringContaining('unknown') }],
    ['[]', { problem: expect.stringContaining('no JSON object') }],
    ['', { problem: expect.stringContaining('no JSON object') }],
  ])('%s', (body, told) => expect(tellMessage(body)).toEqual(told));

  test('are not unwrapped without end', () => {
    const wrap = (body: string) => JSON.stringify({ Type: 'Notification', Message: body });
    expect(tellMessage(wrap(wrap('{"s3Bucket":"b","s3ObjectKey":"k"}')))).toHaveProperty('objects');
    expect(tellMessage(wrap(wrap(wrap('{}'))))).toEqual({ problem: expect.stringContaining('too often') });
  });
});

describe('keys', () => {
  const key =
    'p/AWSLogs/o-abc/111111111111/CloudTrail/eu-west-1/2026/03/02/111111111111_CloudTrail_eu-west-1_20260302T1015Z_AbC.json.gz';

  test('tell account, region and time', () => {
    expect(parseKey(key)).toEqual({ account: '111111111111', region: 'eu-west-1', time: Date.UTC(2026, 2, 2, 10, 15) });
    expect(parseKey(key.slice(0, -3))).toBeDefined();
    for (const other of ['_CloudTrail-Digest_', '_CloudTrail-Insight_'])
      expect(parseKey(key.replace('_CloudTrail_', other))).toBeUndefined();
    expect(parseKey('AWSLogs/')).toBeUndefined();
  });

  test('sort by time', () => {
    const prefix = key.slice(0, key.indexOf('2026'));
    const file = { account: '111111111111', region: 'eu-west-1' };
    expect(keyAt(prefix, file, Date.UTC(2026, 2, 2, 10, 15)) < key).toBe(true);
    expect(keyAt(prefix, file, Date.UTC(2026, 2, 2, 10, 14)) < key).toBe(true);
    expect(keyAt(prefix, file, Date.UTC(2026, 2, 2, 10, 16)) > key).toBe(true);
    expect(keyAt(prefix, file, Date.UTC(2025, 11, 31)) < key).toBe(true);
  });
});

test.each([
  ['5d', [NOW - 5 * 86_400_000, NOW]],
  ['5d-2d', [NOW - 5 * 86_400_000, NOW - 2 * 86_400_000]],
  ['1w - 90m', [NOW - 604_800_000, NOW - 5_400_000]],
  ['2026-03-01T00:00:00Z', [Date.UTC(2026, 2, 1), NOW]],
  ['2026-03-01T00:00:00Z-2026-03-02T00:00:00Z', [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 2)]],
  ['2d-5d', undefined],
  ['5y', undefined],
  ['2026-13-01T00:00:00Z', undefined],
  ['', undefined],
])('the interval %s', (text, expected) => {
  const found = parseInterval(text, NOW);
  expect(found && [found.from, found.until]).toEqual(expected);
  expect(isInterval('90s-30s')).toBe(true);
});
