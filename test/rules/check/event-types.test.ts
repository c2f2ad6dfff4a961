/** Which event types a condition is judged for: never fewer than it holds for. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Catalogue, Event } from '../../../src/events/field.ts';
import { type Condition, compileCondition } from '../../../src/rules/condition.ts';
import { mockForm } from '../../conformance/mocks.ts';

const syscall = catalogues.get('syscall') as Catalogue;
const types = ['open', 'openat', 'execve', 'madvise', 'setuid'];

const name = fc.constantFrom(...types, 'getpid', 'setuid32');
const list = fc.array(name, { maxLength: 3 }).map((names) => `(${names.join(', ')})`);
const check = fc.oneof(
  fc.tuple(fc.constantFrom('=', '!='), name).map((words) => words.join(' ')),
  fc
    .tuple(fc.constantFrom('=', '!='), fc.constantFrom('oneof', 'anyof', 'allof'), list)
    .map((words) => words.join(' ')),
  list.map((names) => `in ${names}`),
  list.map((names) => `intersects ${names}`),
  fc.constantFrom('exists', 'startswith open'),
);
const number = fc.tuple(fc.constantFrom('=', '!=', '<', '<=', '>', '>='), fc.integer({ min: -1, max: 3 }));
const leaf = fc.oneof(
  { arbitrary: check.map((rest) => `evt.type ${rest}`), weight: 6 },
  { arbitrary: number.map((words) => `evt.num ${words.join(' ')}`), weight: 1 },
  { arbitrary: fc.constantFrom('proc.name = cat', 'proc.name exists'), weight: 1 },
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    tie('condition').map((text) => `not (${text})`),
    fc
      .tuple(fc.constantFrom(' and ', ' or '), fc.array(tie('condition'), { minLength: 2, maxLength: 3 }))
      .map(([word, parts]) => `(${parts.join(word)})`),
  ),
}));

/** The types of the events that it holds for, of an event each with some values of the other fields. */
function heldTypes(compiled: Condition): string[] {
  const holds = compiled.bind(mockForm);
  const held = (type: string) =>
    [1, 2, 3].some((num) =>
      ['cat', 'dog', undefined].some((program) => {
        const values: Record<string, unknown> = { 'evt.type': type, 'evt.num': num, 'proc.name': program };
        return holds({ source: 'syscall', type, time: 0n, get: (field: string) => values[field] } as Event);
      }),
    );
  return types.filter(held);
}

describe('the event types of a condition', () => {
  test('are those that it holds for, and maybe more', () => {
    fc.assert(
      fc.property(condition, (text) => {
        const compiled = compileCondition(text, syscall);
        for (const type of heldTypes(compiled)) expect(compiled.mayMatch(type), type).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['evt.type = oneof (open, open, openat)', ['openat']],
    ['not evt.type = oneof (open, open)', types],
    ['evt.type = allof (open, openat)', []],
    ['evt.type != oneof (open, openat)', ['open', 'openat']],
    ['evt.type != anyof (open, openat)', types],
    ['evt.type != allof (open, openat)', ['execve', 'madvise', 'setuid']],
    ['not evt.type != allof ()', types],
  ])('%s', (text, expected) => {
    const compiled = compileCondition(text, syscall);
    expect(types.filter((type) => compiled.mayMatch(type))).toEqual(expected);
    expect(heldTypes(compiled)).toEqual(expected);
  });
});
