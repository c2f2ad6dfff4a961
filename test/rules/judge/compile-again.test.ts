/** What is compiled after each file, with what was compiled before in hand, is what is compiled of all files at once. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { RuleCompiler } from '../../../src/rules/files/compile-rules.ts';
import { loadRules } from '../../../src/rules/index.ts';
import type { Issue } from '../../../src/rules/yaml/issue.ts';

const long = process.env.FALCO_PIPE_LONG === '1';

const word = fc.constantFrom('a', 'b', 'c', 'x', 'y', '"a b"', 'ab');
const listName = fc.constantFrom('a', 'b', 'c', 'ab');
const macroName = fc.constantFrom('m', 'n', 'o');
const ruleName = fc.constantFrom('r1', 'r2', 'r3');
const operand = fc.oneof(
  // Rules that read it are left out, until another macro mends them.
  { arbitrary: fc.constant('no.field = 1'), weight: 1 },
  { arbitrary: macroName, weight: 4 },
  {
    arbitrary: fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `proc.name in (${words.join(', ')})`),
    weight: 4,
  },
  { arbitrary: word.map((each) => `proc.name = ${each}`), weight: 4 },
  { arbitrary: fc.constant('fd.num > 1'), weight: 4 },
);
const condition = fc
  .tuple(fc.array(operand, { minLength: 1, maxLength: 3 }), fc.constantFrom(' and ', ' or '))
  .map(([operands, operator]) => operands.join(operator));

const list = fc
  .record({ name: listName, items: fc.array(word, { maxLength: 3 }), append: fc.boolean() })
  .map(({ name, items, append }) => `- list: ${name}\n  items: [${items.join(', ')}]\n${append ? APPEND.items : ''}`);
const macro = fc
  .record({ name: macroName, text: condition, append: fc.boolean() })
  .map(({ name, text, append }) =>
    append
      ? `- macro: ${name}\n  condition: and (${text})\n${APPEND.condition}`
      : `- macro: ${name}\n  condition: ${text}\n`,
  );
const rule = fc
  .record({ name: ruleName, text: condition, how: fc.constantFrom('new', 'new', 'append', 'enable', 'exception') })
  .map(({ name, text, how }) => {
    if (how === 'append') return `- rule: ${name}\n  condition: and (${text})\n${APPEND.condition}`;
    if (how === 'enable') return `- rule: ${name}\n  enabled: false\n  override: {enabled: replace}\n`;
    const exceptions = how === 'exception' ? '  exceptions: [{name: e, fields: proc.name, values: [a, b]}]\n' : '';
    return `- rule: ${name}\n  desc: d\n  condition: evt.type=openat and (${text})\n  output: o\n  priority: INFO\n${SKIP}${exceptions}`;
  });

const SKIP = '  skip-if-unknown-filter: true\n';
const APPEND = { items: '  override: {items: append}\n', condition: '  override: {condition: append}\n' };

/** Everything is defined in the first file, so that most sets of files load. */
const FIRST = `- list: ab
  items: [x]
- list: a
  items: [y, ab]
- list: b
  items: []
- list: c
  items: [a, z]
- macro: m
  condition: proc.name in (a, b)
- macro: n
  condition: m or proc.name = x
- macro: o
  condition: not n
${['r1', 'r2', 'r3'].map((name) => `- rule: ${name}\n  desc: d\n  condition: evt.type=openat and o and proc.name in (c)\n  output: o\n  priority: INFO\n${SKIP}`).join('')}`;

test('what nothing has changed is as if it were compiled anew', () => {
  let loaded = 0;
  const file = fc.array(fc.oneof(list, macro, rule), { minLength: 1, maxLength: 4 }).map((items) => items.join(''));
  fc.assert(
    fc.property(fc.array(file, { minLength: 1, maxLength: 3 }), (more) => {
      const files = [FIRST, ...more].map((content, index) => ({ name: `${index}.yaml`, content }));
      const result = loadRules(files, { catalogues });
      if (!result.ok) return;
      loaded++;
      const warnings: Issue[] = [];
      const steps = new RuleCompiler(result.definitions, { catalogues, appendOutput: [] }).compile([], warnings);
      let step = steps.next();
      while (!step.done) step = steps.next();
      const shown = (rules: typeof step.value.rules) =>
        rules.map(({ name, condition, composed, definition }) => ({
          name,
          condition: condition.compiled,
          text: condition.text,
          types: condition.eventTypes,
          reads: condition.reads.map(({ text }) => text),
          places: [10, 30, 40].map((start) => composed.locate({ start, end: start + 1 })),
          definition,
        }));
      expect(shown(result.rules)).toEqual(shown(step.value.rules));
      const own = new Set(result.files.at(-1)?.warnings.map(({ diagnostic }) => JSON.stringify(diagnostic)));
      for (const { diagnostic } of warnings) expect(own).toContain(JSON.stringify(diagnostic));
      expect([...result.parsedMacros].map(([name, { text }]) => [name, text.text])).toEqual(
        [...step.value.macros].map(([name, { text }]) => [name, text.text]),
      );
    }),
    { numRuns: long ? 10_000 : 300 },
  );
  expect(loaded).toBeGreaterThan(50);
});
