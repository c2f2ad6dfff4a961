/** JSON as sources read it. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { json } from '../../src/events/cloud/document.ts';
import { parseExact, parseJson, readJson } from '../../src/events/exact-json.ts';

const integers = fc.oneof(
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
  fc.bigInt({ min: 2n ** 53n - 9n, max: 2n ** 53n + 9n }),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    integers,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.stringMatching(/^[0-9:,[\]{} "-]{0,30}$/),
    fc.constantFrom(null, true),
    fc.array(tie('tree')),
    fc.dictionary(fc.string(), tie('tree')),
  ),
}));
/** Written with blanks of any kind between its tokens, where there is no text to hurt. */
const spaced = (text: string, blank: string) =>
  text.replaceAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g, (token) => (token.length > 1 ? token : `${blank}${token}${blank}`));

test('every integer is exact wherever it stands, and written again as it was', () => {
  fc.assert(
    fc.property(tree, fc.constantFrom('', ' ', '\n\t', '\r\n  '), (value, blank) => {
      const text = json(value) ?? '';
      expect(parseJson(spaced(text, blank))).toEqual(parseExact(text));
      expect(json(parseJson(text))).toBe(text);
    }),
  );
  fc.assert(
    fc.property(integers, (integer) => {
      expect(json(readJson(`{"n":${integer}}`))).toBe(`{"n":${integer}}`);
      expect(BigInt(readJson(String(integer)) as bigint)).toBe(integer);
    }),
  );
});

test('what is no JSON is undefined, or an error that says why', () => {
  for (const text of ['', '{', '12345678901234567890 1', '[1152921504606846977,']) {
    expect(readJson(text)).toBeUndefined();
    expect(() => parseJson(text)).toThrow(SyntaxError);
  }
});

test('what nests without end is read all the same', () => {
  const text = `[1152921504606846977,${'['.repeat(50_000)}7${']'.repeat(50_000)}]`;
  expect(readJson(text)).toHaveLength(2);
});

test('an integer of 4,096 digits is exact; one of a million is a number like others, and costs no time', () => {
  const long = '9'.repeat(4096);
  expect(json(readJson(`[${long}]`))).toBe(`[${long}]`);
  expect(readJson(`{"n":${'9'.repeat(1_000_000)},"m":12345678901234567890}`)).toEqual({
    n: Number.POSITIVE_INFINITY,
    m: 12345678901234567890n,
  });
});
