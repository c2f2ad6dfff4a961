/** Texts as constants: whatever they hold, an exception with one means exactly that text. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { exceptionsYaml, yamlText } from '../../../src/cli/except/yaml.ts';
import { catalogues } from '../../../src/events/catalogue.ts';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { constantText, loadRules, type RulesFile } from '../../../src/rules/index.ts';

const LISTS = ['shells', 'proc', 'a', '12', 'with-dash', 'É', '/etc'];
const lists = new Set(LISTS);
const RULE = 'Odd: "name" # of [a] rule';
const rules: RulesFile = {
  name: 'rules.yaml',
  content: `${LISTS.map((name) => `- list: ${JSON.stringify(name)}\n  items: [x, y]\n`).join('')}
- macro: uses
  condition: ${LISTS.map((name) => `proc.name in (${name})`).join(' or ')}
- rule: ${JSON.stringify(RULE)}
  desc: d
  condition: evt.type = openat and not uses
  output: o
  priority: INFO
`,
};

/** The rule with an exception for these texts of proc.cmdline and fd.name. */
function exceptFor(cmdline: string, name: string) {
  const constants = [cmdline, name].map((text) => constantText(text, lists) as string);
  const fields = ['proc.cmdline', 'fd.name'];
  const rows = new Map([['', { fields, constants, events: [] }]]);
  const block = { name: 'e', fields, isNew: true, flat: false, rows };
  const content = exceptionsYaml([], [{ rule: RULE, notes: [`see ${cmdline}`], blocks: [block] }]);
  const result = loadRules([rules, { name: 'exceptions.yaml', content }], { catalogues });
  // That a text looks like a field is a warning, for there it would be a mistake.
  const others = result.diagnostics.filter(({ code }) => code !== 'LOAD_COMPILE_CONDITION');
  expect(others, content).toEqual([]);
  expect(result.files[1]?.schema.valid).toBe(true);
  const matches = result.rules[0]?.condition.bind(recordForm);
  return (fields: Record<string, string>) => matches?.(new EventRecord('syscall', 'openat', 0n, fields));
}

const word = fc.constantFrom(
  ...LISTS,
  ...[
    '"',
    "'",
    '\\',
    '\\"',
    '\n',
    '\t',
    ' ',
    ',',
    '(',
    ')',
    '=',
    '<NA>',
    'oneof',
    'proc.name',
    'toupper(proc.name)',
    '#',
  ],
  ...[
    ': ',
    '- ',
    '[',
    '{',
    '}',
    ']',
    '&a',
    '*a',
    '!t',
    '|',
    '>',
    '%',
    '@',
    '`',
    '~',
    'null',
    'true',
    '\u0001',
    '\u007f',
  ],
  ...[
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u202e',
    '\u200b',
    '\u00a0',
    'ß',
    'é',
    '日本',
    '😀',
    '\\x41',
    '-1',
    '1e3',
    '"x"',
    "it's",
  ],
);
const text = fc.oneof(
  fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join('')),
  fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(' ')),
  fc.string({ unit: 'binary', maxLength: 12 }).map((each) => each.replaceAll('\0', '').toWellFormed()),
);

test('an exception means exactly the text, whatever it holds', () => {
  fc.assert(
    fc.property(text, text, text, (cmdline, name, other) => {
      const matches = exceptFor(cmdline, name);
      expect(matches({ 'proc.cmdline': cmdline, 'fd.name': name })).toBe(false);
      expect(matches({ 'proc.cmdline': other, 'fd.name': name })).toBe(other !== cmdline);
      expect(matches({ 'proc.cmdline': cmdline, 'fd.name': `${name}x` })).toBe(true);
      expect(matches({ 'proc.cmdline': cmdline })).toBe(true);
    }),
    { numRuns: 400, examples: [['\ufeffshells', 'é\\', 'shells']] },
  );
});

test('a scalar of YAML is the text, in a list too, for a reader of YAML 1.1 as well', () => {
  fc.assert(
    fc.property(text, (each) => {
      const written = `- [${yamlText(each)}, ${yamlText(each)}]\n- ${yamlText(each)} # n\n`;
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(written, { version, schema: 'failsafe' })).toEqual([[each, each], each]);
      }
      expect(typeof parse(yamlText(each), { version: '1.1' })).toMatch(/^(?:string|number|bigint)$/);
    }),
    { numRuns: 400 },
  );
});

test.each([
  ['/usr/bin/cat', '/usr/bin/cat'],
  ['-1', '-1'],
  ['', '""'],
  ['a b', '"a b"'],
  ['b a c', '"b \\x61 c"'],
  ['b c', '"b c"'],
  ['shells', '"shells"'],
  ['oneof', '"oneof"'],
  ['x=shells,y', '"x=\\x73hells,y"'],
  ['say "hi"\n', '"say \\"hi\\"\\n"'],
  ['C:\\', '"C:\\x5c"'],
  ['left\u202eright', '"left\\xe2\\x80\\xaeright"'],
])('%j is written %s', (given, written) => {
  expect(constantText(given, lists)).toBe(written);
});

test.each(['a\0b', '\ud800'])('%j cannot be written', (given) => {
  expect(constantText(given, lists)).toBeUndefined();
});
