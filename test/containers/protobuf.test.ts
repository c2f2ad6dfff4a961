import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Draft, decode, encode, type Shape } from '../../src/containers/protobuf.ts';

const shape = {
  text: [1, 'string'],
  bytes: [2, 'bytes'],
  yes: [3, 'bool'],
  small: [4, 'int'],
  large: [5, 'long'],
  labels: [16, 'map'],
  names: [17, ['string']],
  inner: [18, { text: [1, 'string'] }],
  many: [200, [{ large: [1, 'long'] }]],
} as const satisfies Shape;

const text = fc.string({ unit: 'grapheme' });
const message: fc.Arbitrary<Draft<typeof shape>> = fc.record({
  text,
  bytes: fc.uint8Array(),
  yes: fc.boolean(),
  small: fc.integer(),
  large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  labels: fc.dictionary(text, text, { noNullPrototype: false }),
  names: fc.array(text),
  inner: fc.record({ text }),
  many: fc.array(fc.record({ large: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }) })),
});

describe('Protocol buffers', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(message, (draft) => {
        const { labels, ...others } = decode(shape, encode(shape, draft));
        expect({ ...others, labels: { ...labels } }).toEqual({ ...draft, labels: { ...draft.labels } });
      }),
    );
  });

  // The examples of protobuf.dev/programming-guides/encoding.
  it('are as they are written elsewhere', () => {
    expect([...encode({ a: [1, 'int'] }, { a: 150 })]).toEqual([0x08, 0x96, 0x01]);
    expect([...encode({ b: [2, 'string'] }, { b: 'testing' })]).toEqual([0x12, 0x07, ...Buffer.from('testing')]);
    expect([...encode({ c: [3, { a: [1, 'int'] }] }, { c: { a: 150 } })]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
    const minusTwo = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    expect(decode({ a: [1, 'int'] }, Uint8Array.from(minusTwo))).toEqual({ a: -2 });
  });

  it('have empty values for what is not there, and pass over what is not known', () => {
    expect(decode(shape, encode({ other: [99, 'string'] }, { other: 'x' }))).toEqual({
      text: '',
      bytes: new Uint8Array(),
      yes: false,
      small: 0,
      large: 0n,
      labels: Object.create(null),
      names: [],
      inner: undefined,
      many: [],
    });
    // Fixed numbers of 8 and 4 bytes.
    const fixed = Uint8Array.from([0x49, 1, 2, 3, 4, 5, 6, 7, 8, 0x55, 1, 2, 3, 4, 0x20, 7]);
    expect(decode({ small: [4, 'int'] }, fixed)).toEqual({ small: 7 });
  });

  it('that are none are refused, and nothing else happens', () => {
    const wrong = [[0x0a], [0x0a, 5, 1], [0x08, 0xff], [0x0b], [0x08, 1], [0x20, ...Array(11).fill(0x80)], [0x22, 0]];
    for (const bytes of wrong) expect(() => decode(shape, Uint8Array.from(bytes))).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decode(shape, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it('cannot set what every object has', () => {
    const given = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>;
    const { labels } = decode(shape, encode(shape, { labels: given }));
    expect(Object.entries(labels)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});
