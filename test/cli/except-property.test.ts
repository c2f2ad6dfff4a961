/**
 * What `falco-pipe rules except` promises, of any alerts: what it writes loads, ends exactly the alerts that it says, and
 * nothing else but what is equal to one of them in the fields that it goes by.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { bindRules, loadRules, type Rule } from '../../src/rules/index.ts';
import { alert, except, folder, lines, rules, write } from './except-folder.ts';

const own = {
  name: 'own.yaml',
  content: `- list: cat
  items: [x]
- rule: File read
  exceptions:
    - name: exact
      fields: [proc.exepath, fd.name]
      values: [[/bin/known, /etc/known]]
  override: { exceptions: append }
`,
};
write(own.name, own.content);
const files = [{ name: rules, content: readFileSync(join(folder, rules), 'utf8') }, own];

/** Texts that YAML, the language of conditions, or lists could take for something else. */
const odd = fc.constantFrom(
  ...[
    'cat',
    'bash',
    'a b',
    'true',
    '~',
    '0x10',
    '1e3',
    '- x',
    '{a: b}',
    '[a]',
    '#c',
    'a: b',
    'a #b',
    '\u00fc\u2028',
    "it's",
  ],
  ...[
    '"',
    '\\',
    'a\nb',
    '(a, b)',
    '%fd.name',
    'not',
    'and',
    '!x',
    '&a',
    '*a',
    '',
    '<NA>',
    'x[redacted]',
    '\ufffd',
    '\ud800',
  ],
);
const text = fc.oneof(
  { weight: 4, arbitrary: odd },
  fc.string({ maxLength: 4 }),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const path = fc.tuple(
  fc.constantFrom('/etc/', '/etc/', '/etc/', '/srv/'),
  fc.constantFrom('passwd', 'hosts', 'a b', "'", '\u001b[0m', 'known'),
);
const program = fc.oneof(
  fc.constantFrom('/bin/known', '/usr/bin/cat', '/usr/bin/python3'),
  text.map((name) => `/opt/${name}`),
);
const fields = fc.record(
  {
    'fd.name': path.map((parts) => parts.join('')),
    'proc.exepath': program,
    'proc.name': text,
    'proc.pname': text,
    'proc.cmdline': text,
    'user.name': fc.constantFrom('root', 'shop'),
    'container.id': fc.constantFrom('host', '3ad7b26ded6d'),
    'container.image.repository': fc.constantFrom(null, 'shop', 'a:b'),
    'proc.pid': fc.nat(3),
  },
  // The rules read these: an alert that shows them can be judged.
  { requiredKeys: ['fd.name', 'proc.exepath', 'proc.name', 'proc.pname', 'proc.cmdline', 'user.name'] },
);
type Fields = Readonly<Record<string, string | number | null>>;
const given = fc.record({ rule: fc.constantFrom('File read', 'File read', 'Program started', 'Gone'), fields });

interface Made {
  readonly exceptions: string;
  readonly alerts: Readonly<Record<'given' | 'hidden' | 'silent' | 'left', number>>;
  readonly left: readonly { readonly lines: readonly number[] }[];
  readonly rules: readonly {
    readonly rule: string;
    readonly hidden: number;
    readonly exceptions: readonly {
      readonly fields: readonly string[];
      readonly values: readonly { readonly lines: readonly number[] }[];
    }[];
  }[];
}

const TYPES: Readonly<Record<string, string>> = { 'File read': 'openat', 'Program started': 'execve', Gone: 'openat' };

/** The rules that match the event of an alert. */
function judgeBy(loaded: readonly Rule[]): (each: { rule: string; fields: Fields }) => boolean {
  const ruleset = bindRules(loaded, recordForm, { matching: 'all' });
  return ({ rule, fields: shown }) => {
    const present = Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== null)) as Record<
      string,
      string
    >;
    let matches = false;
    const failed = (_: Rule, error: unknown) => {
      throw error;
    };
    const matched = ({ name }: Rule) => {
      if (name === rule) matches = true;
    };
    ruleset.judge(new EventRecord('syscall', TYPES[rule] ?? '', 0n, present), matched, failed);
    return matches;
  };
}

test('what is written loads, ends what it says, and nothing that differs from that', async () => {
  const seen = { ended: 0, left: 0, silent: 0, others: 0 };
  const before = judgeBy(loadRules(files, { catalogues }).rules);
  await fc.assert(
    fc.asyncProperty(
      fc.array(given, { minLength: 1, maxLength: 12 }),
      fc.array(given, { maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom([], ['--by', 'proc.exepath,fd.name'], ['--by', 'proc.pname']),
      async (alerts, others, rows, by) => {
        const file = write('any.jsonl', lines(...alerts.map((each) => alert(each.fields, each.rule))));
        const { code, stdout, stderr } = await except(file, rules, own.name, '-o', 'json', '--rows', `${rows}`, ...by);
        if (code === 78) {
          expect(stderr).toMatch(/^There is no exception for \d+ alerts? of any.jsonl, and none was written/m);
          return;
        }
        expect({
          code,
          stderr: stderr.replace(/^\d+ alerts? without an exception: the output says why\n$/, ''),
        }).toEqual({
          code: 0,
          stderr: '',
        });
        const made: Made = JSON.parse(stdout);
        const loaded = loadRules([...files, { name: 'made', content: made.exceptions }], { catalogues });
        expect(loaded.ok, made.exceptions).toBe(true);
        const after = judgeBy(loaded.rules);
        // Exactly the alerts that it says.
        const ended = alerts.filter((each) => before(each) && !after(each));
        expect(made.alerts).toEqual({
          given: alerts.length,
          hidden: ended.length,
          silent: alerts.filter((each) => each.rule !== 'Gone' && !before(each)).length,
          left: alerts.filter((each) => each.rule === 'Gone' || after(each)).length,
        });
        for (const { rule, hidden } of made.rules) {
          expect(hidden).toBe(ended.filter((each) => each.rule === rule).length);
        }
        const left = made.left.flatMap((each) => each.lines).toSorted((a, b) => a - b);
        const expected = alerts.flatMap((each, index) => (each.rule === 'Gone' || after(each) ? [index + 1] : []));
        expect(left).toEqual(expected);
        // Nothing that differs from each of a row in what it goes by.
        const isLike = (other: { rule: string; fields: Fields }) =>
          (made.rules.find(({ rule }) => rule === other.rule)?.exceptions ?? []).some((exception) =>
            exception.values.some((row) => {
              const first = alerts[(row.lines[0] as number) - 1]?.fields as Fields;
              return exception.fields.every((field) => first[field] === other.fields[field]);
            }),
          );
        for (const other of [...others, ...alerts]) {
          if (!before(other)) continue;
          expect(after(other)).toBe(!isLike(other));
          seen.others++;
        }
        seen.ended += made.alerts.hidden;
        seen.left += made.alerts.left;
        seen.silent += made.alerts.silent;
      },
    ),
    { numRuns: 60 },
  );
  expect(Math.min(seen.ended, seen.left, seen.silent, seen.others)).toBeGreaterThan(10);
});
