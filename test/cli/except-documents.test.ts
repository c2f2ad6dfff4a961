/** Documents of JSON in lines, as logs, jq and queries write them. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { documents, type Piece } from '../../src/cli/except/documents.ts';

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split('\n');
}

async function cut(text: string): Promise<readonly Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of documents(linesOf(text))) pieces.push(piece);
  return pieces;
}

const { object } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '\n', 'a', '\u2028') }),
    fc.constantFrom(0, -1.5e-7, 2 ** 40, true, false, null),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));
const written = fc
  .tuple(object, fc.boolean(), fc.constantFrom(undefined, 1, 2, '\t'), fc.constantFrom('', '  ', '22:13 host: '))
  .map(([value, isList, indent, head]) => ({ value: isList ? [value] : value, indent, head: isList ? '' : head }));

test('all documents, each as it is written and from the line on which it begins', async () => {
  let several = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(written, fc.constantFrom('', ' ', ', ', '\n', '\r\n', '\n\n', ',\n')), { maxLength: 8 }),
      async (parts) => {
        let text = '';
        const expected: Piece[] = [];
        for (const [{ value, indent, head }, between] of parts) {
          text += head;
          const own = JSON.stringify(value, null, indent);
          expected.push({ line: text.split('\n').length, text: own });
          if (own.includes('\n')) several++;
          text += own + between;
        }
        expect(await cut(text)).toEqual(expected);
      },
    ),
  );
  expect(several).toBeGreaterThan(20);
});

test('what was cut off costs no more than its own lines, wherever that was', async () => {
  let open = 0;
  await fc.assert(
    fc.asyncProperty(
      written,
      fc.nat({ max: 999 }),
      fc.array(object, { minLength: 1, maxLength: 4 }),
      async ({ value, indent }, part, others) => {
        const whole = JSON.stringify(value, null, indent);
        const start = whole.slice(0, Math.floor((part / 1000) * whole.length));
        const lines = start.split('\n').length;
        const behind = others.map((each) => JSON.stringify(each));
        const pieces = await cut([start, ...behind].join('\n'));
        const found = pieces.filter(({ line }) => line > lines).map(({ text }) => text);
        expect(found).toEqual(behind);
        if (start !== '') open++;
      },
    ),
  );
  expect(open).toBeGreaterThan(20);
});

test('what is held is let go at the first line that cannot go on with it', async () => {
  let given = 0;
  async function* lines(): AsyncGenerator<string> {
    for (const line of [
      '{',
      '  {"a": 1}',
      '[',
      '  {',
      '    "b": [2',
      '    ]',
      '  }',
      ']',
      '  {',
      '}',
      'x',
      '',
      '{} {}',
    ]) {
      given++;
      yield line;
    }
  }
  const seen: (readonly [number, number, string])[] = [];
  for await (const { line, text } of documents(lines())) seen.push([given, line, text]);
  expect(seen).toEqual([
    [2, 1, '{'],
    [2, 2, '{"a": 1}'],
    [8, 3, '[\n  {\n    "b": [2\n    ]\n  }\n]'],
    [10, 9, '{\n}'],
    [11, 11, 'x'],
    [13, 13, '{}'],
    [13, 13, '{}'],
  ]);
});

test('brackets that nothing ends, a line each, are told in the time of their lines', async () => {
  const pieces = await cut(`${'[\n'.repeat(20_000)}{"a": 1}`);
  expect(pieces.length).toBe(20_001);
  expect(pieces.at(-1)).toEqual({ line: 20_001, text: '{"a": 1}' });
});
