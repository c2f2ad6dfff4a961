import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ABSENT,
  END,
  HEADS,
  PARSE,
  type Pack,
  Packer,
  rowWidth,
  START,
} from '../../../src/sources/shared/cloud-worker/pack.ts';
import { ROOM, Rooms } from '../../../src/sources/shared/cloud-worker/rooms.ts';
import { Malformed, Splitter } from '../../../src/sources/shared/cloud-worker/splitter.ts';

const heads = ['eventName', 'eventID'];

interface Got {
  readonly records: unknown[];
  readonly heads: (string | undefined)[][];
  readonly parse: boolean[];
  readonly problems: { readonly reason: string; readonly text: string }[];
  readonly error?: string;
}

/** Memory that was used before has anything in it. */
class UsedRooms extends Rooms {
  readonly taken: Uint8Array[] = [];
  readonly back: Uint8Array[] = [];

  override take(least: number): Uint8Array {
    const room = new Uint8Array(least).fill(0x22);
    this.taken.push(room);
    return room;
  }

  override giveBack(room: Uint8Array): void {
    if (this.taken.includes(room)) this.back.push(room);
  }
}

/** Takes a text apart that comes in pieces of these sizes, over and over. */
function split(text: string | Buffer, sizes: readonly number[] = [1 << 20], most = 1 << 20): Got {
  const packer = new Packer(heads.length, most, new UsedRooms());
  const splitter = new Splitter({ list: 'Records', heads }, packer);
  const packs: Pack[] = [];
  const bytes = Buffer.from(text as string);
  let error: string | undefined;
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] as number;
      splitter.write(bytes.subarray(at, at + size));
      at += size;
      packs.push(...[packer.take() ?? []].flat());
    }
    splitter.end();
  } catch (caught) {
    if (!(caught instanceof Malformed)) throw caught;
    error = caught.message;
  }
  packs.push(...[packer.take() ?? []].flat());
  const got: Got = { records: [], heads: [], parse: [], problems: [], ...(error === undefined ? {} : { error }) };
  for (const pack of packs) {
    got.problems.push(...pack.problems);
    for (let at = 0; at < pack.rows.length; at += rowWidth(heads.length)) {
      const row = pack.rows.subarray(at, at + rowWidth(heads.length));
      const record = Buffer.from(pack.bytes.subarray(row[START], row[END]));
      got.records.push(JSON.parse(record.toString()));
      got.parse.push(row[PARSE] === 1);
      got.heads.push(
        heads.map((_, key) => {
          const [from, to] = row.subarray(HEADS + key * 2);
          return from === ABSENT ? undefined : record.subarray(from, to).toString();
        }),
      );
    }
  }
  return got;
}

const record = fc.dictionary(
  fc.oneof(fc.constantFrom('eventName', 'eventID', 'Records', 'eventname'), fc.string()),
  fc.oneof(fc.string(), fc.constantFrom('\\', '"', 'ä€😀', '\u0000'), fc.jsonValue()),
);

const spaced = fc.constantFrom(0, 1, '\t').map((indent) => (value: unknown) => JSON.stringify(value, null, indent));
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
/** Objects that are no envelope themselves. */
const loose = record.map((each) => ({ ...each, Records: undefined }));

describe('records', () => {
  test.each([
    [
      'the list of an envelope',
      (all: object[], json: (value: unknown) => string) => json({ a: [1], Records: all, b: {} }),
    ],
    ['an array', (all: object[], json: (value: unknown) => string) => json(all)],
    ['lines', (all: object[], json: (value: unknown) => string) => `\ufeff${all.map(json).join('\n')}\n`],
    ['no separator at all', (all: object[]) => all.map((each) => JSON.stringify(each)).join('')],
  ])('of %s come out as they are, in pieces of any size', (_, write) => {
    fc.assert(
      fc.property(fc.array(loose, { maxLength: 6 }), spaced, sizes, (all, json, pieces) => {
        const got = split(write(all, json), pieces);
        const expected = all.map((each) => JSON.parse(JSON.stringify(each)));
        expect(got).toMatchObject({ records: expected, problems: [] });
        expect(got.error).toBeUndefined();
        got.records.forEach((each, index) => {
          if (got.parse[index]) return;
          const values = heads.map((key) => (each as Record<string, unknown>)[key] ?? undefined);
          expect(got.heads[index]).toEqual(values);
        });
      }),
    );
  });

  test('inside of records are part of them', () => {
    const inner = { Records: [{ eventName: 'inner' }] };
    expect(split(JSON.stringify({ Records: [{ requestParameters: inner }] })).records).toEqual([
      { requestParameters: inner },
    ]);
  });

  test('have the last of several values of a key, as JSON.parse has it', () => {
    const got = split('{"Records":[{"eventName":"a","eventName":"b"},{"eventName":"a","eventName":null}]}');
    expect(got.heads).toEqual([
      ['b', undefined],
      [undefined, undefined],
    ]);
  });

  test.each(['{"eventName":"a\\u0062"}', '{"eventName":1}', '{"eventName":{"a":1}}', '{"event\\u004eame":"a"}'])(
    '%s has to be parsed for its name',
    (text) => expect(split(text).parse).toEqual([true]),
  );

  test('have to be parsed only for keys of their own', () => {
    expect(split('{"eventName":"a","eventID":"b"}\n{"eventName":"c","x":{"eventID":"\\n"}}').parse).toEqual([
      false,
      false,
    ]);
  });

  test('that are none are left out and told', () => {
    const got = split('{"Records":[{"eventName":"a"},1,"x",null,[],{"eventName":"b"}]}');
    expect(got.records).toEqual([{ eventName: 'a' }, { eventName: 'b' }]);
    expect(got.problems.map(({ reason, text }) => [reason, text])).toEqual([
      ['bad_record', '1'],
      ['bad_record', '"x"'],
      ['bad_record', 'null'],
      ['bad_record', '[]'],
    ]);
  });

  test('that are too large are left out, with what they begin with; memory stays', () => {
    const large = `{"eventName":"${'x'.repeat(5_000_000)}"}`;
    const got = split(`{"Records":[{"eventName":"a"},${large},{"eventName":"b"}]}`, [65_536], 10_000);
    expect(got.records).toEqual([{ eventName: 'a' }, { eventName: 'b' }]);
    expect(got.problems).toEqual([
      { reason: 'large_record', message: expect.stringContaining('5000016 bytes'), text: large.slice(0, 2000) },
    ]);
  });

  test('come after texts and keys of an envelope of any size; memory stays', () => {
    const long = 'x'.repeat(3_000_000);
    const given = Buffer.from(`{"${long}":"${long}","\\u0052":1,"Records":[{"eventName":"a"}]}`);
    const rooms = new UsedRooms();
    const packer = new Packer(heads.length, 10_000, rooms);
    const splitter = new Splitter({ list: 'Records', heads }, packer);
    for (let at = 0; at < given.length; at += 65_536) splitter.write(given.subarray(at, at + 65_536));
    splitter.end();
    expect(Buffer.from(packer.take()?.bytes ?? []).toString()).toContain('{"eventName":"a"}');
    expect(Math.max(...rooms.taken.map(({ length }) => length))).toBeLessThan(500_000);
  });

  test('that come in many pieces move to a few rooms, and those that they leave are given back', () => {
    const rooms = new UsedRooms();
    const packer = new Packer(heads.length, 1 << 25, rooms);
    const splitter = new Splitter({ list: 'Records', heads }, packer);
    const large = `{"eventName":"${'x'.repeat(16_000_000)}"}`;
    const given = Buffer.from(`[${large}]`);
    for (let at = 0; at < given.length; at += 65_536) splitter.write(given.subarray(at, at + 65_536));
    splitter.end();
    const { taken, back } = rooms;
    expect(taken.length).toBeLessThan(10);
    // But the one that it is in, and leaves with the pack.
    const others = taken.slice(0, -1);
    expect(others.every((room) => back.includes(room))).toBe(true);
    expect(Buffer.from(packer.take()?.bytes ?? []).equals(Buffer.from(large))).toBe(true);
    expect(back.length).toBe(others.length);
  });

  test('that nest without end are taken', () => {
    const depth = 100_000;
    expect(split(`[{"a":${'['.repeat(depth)}${']'.repeat(depth)}}]`, [1000]).records).toHaveLength(1);
  });
});

test.each([1, 2, 1000])('the mark that UTF-8 may begin with is passed over, in pieces of %i', (size) => {
  const marked = Buffer.concat([Buffer.from('efbbbf', 'hex'), Buffer.from('[{"eventName":"a"}]')]);
  expect(split(marked, [size])).toMatchObject({ records: [{ eventName: 'a' }], heads: [['a', undefined]] });
  expect(split(Buffer.from('efbbbf', 'hex'), [size]).error).toBeUndefined();
});

test('rooms that are kept are of use to all: none too small or too large, and only a few', () => {
  const rooms = new Rooms();
  const own = (size: number) => new Uint8Array(size);
  for (let many = 0; many < 20; many++) for (const size of [8, ROOM - 1, ROOM * 100]) rooms.giveBack(own(size));
  for (const size of [0, ROOM]) expect(rooms.take(size).length).toBe(size);
  const good = Array.from({ length: 20 }, () => own(ROOM));
  for (const each of good) rooms.giveBack(each);
  const taken = good.map(() => rooms.take(ROOM - 8).buffer);
  const again = good.filter(({ buffer }) => taken.includes(buffer)).length;
  expect(again).toBeGreaterThan(2);
  expect(again).toBeLessThan(good.length);
});

describe('what is no JSON', () => {
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  const valid = fc
    .array(loose, { minLength: 1, maxLength: 3 })
    .map((all) => Buffer.from(JSON.stringify({ Records: all })));

  test('is told from what is, byte by byte as JSON.parse does', () => {
    fc.assert(
      fc.property(
        valid,
        fc.nat(),
        fc.oneof(fc.nat(127), fc.constantFrom(...Buffer.from('{}[]",:\\0e-.tn'))),
        sizes,
        (bytes, at, byte, pieces) => {
          const spoilt = Buffer.from(bytes);
          spoilt[at % spoilt.length] = byte;
          let parses = true;
          try {
            JSON.parse(spoilt.toString());
          } catch {
            parses = false;
          }
          // JSON lines are taken too, which JSON.parse does not know.
          const { error } = split(spoilt, pieces);
          if (parses) expect(error).toBeUndefined();
          else if (error === undefined) expect(spoilt.toString()).toMatch(/^\s*[[{].*[\]}]\s*[[{]/s);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ['<html>', 'neither an object nor an array at byte 0'],
    ['{"Records":[{"a":1},{"a"', 'ends in the middle at byte 24'],
    ['{"Records":[{"a":1},]}', 'a value is missing at byte 20'],
    ['{"a":1,}', 'a key is missing at byte 7'],
    ['{"a" 1}', 'a colon is missing at byte 5'],
    ['{"a":1 "b":2}', 'a comma is missing at byte 7'],
    ['{"a":tru}', 'a word that is none of JSON at byte 8'],
    ['{"a":01}', 'a number that is none'],
    ['{"a":"\n"}', 'a control character in a text at byte 6'],
    ['{"a":"\\x"}', 'an unknown escape at byte 7'],
    ['{"a":"\\u12g4"}', 'an escape that is none'],
    ['{"a":[}', 'a value is missing'],
    ['{"a":[1}', 'a bracket that closes nothing at byte 7'],
    ['"text"', 'neither an object nor an array'],
    [bytes('efbb7b7d'), 'a byte order mark that is none at byte 2'],
    [bytes('ef7b7d'), 'a byte order mark that is none at byte 1'],
    [bytes('20bbbf7b7d'), 'neither an object nor an array at byte 1'],
    [bytes('bbbf7b7d'), 'neither an object nor an array at byte 0'],
    [bytes('7b7defbbbf'), 'neither an object nor an array at byte 2'],
    [bytes('efbbbfefbbbf7b7d'), 'neither an object nor an array at byte 3'],
    [bytes('efbb'), 'ends in the middle at byte 2'],
  ])('%j is told where', (text, error) => {
    for (const size of [1, 3]) expect(split(text, [size]).error).toContain(error);
  });

  test('lets what came before pass', () => {
    expect(split('{"Records":[{"eventName":"a"},{"eventName":"b"},{"eventN', [5]).records).toHaveLength(2);
  });
});
