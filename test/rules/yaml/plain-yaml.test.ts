/** The quick reader of YAML reads what the yaml library reads, or leaves it to the library. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import { readPlainYaml } from '../../../src/rules/yaml/plain-yaml.ts';
import { sharedText } from '../../events/shared.ts';

const long = process.env.FALCO_PIPE_LONG !== undefined;

/** What loading looks at: structure, texts, how they are written and where; of what has several lines its first. */
function shape(node: unknown, content: string): unknown {
  if (isScalar(node)) return [node.anchor, node.type, node.source, node.value, node.range?.slice(0, 2)];
  if (isAlias(node)) return [node.source, node.range?.slice(0, 2)];
  const each = (child: unknown) => shape(child, content);
  if (isSeq(node)) return [node.anchor, firstLine(node.range, content), node.items.map(each)];
  if (isMap(node))
    return [node.anchor, firstLine(node.range, content), node.items.map(({ key, value }) => [each(key), each(value)])];
  return node;
}

function firstLine(range: readonly number[] | null | undefined, content: string): readonly number[] {
  const [start = -1, end = -1] = range ?? [];
  return [start, Math.min(end, `${content}\n`.indexOf('\n', start))];
}

function quick(content: string): unknown {
  const steps = readPlainYaml(content);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value && shape(value, content);
  }
}

function library(content: string): unknown {
  const documents = parseAllDocuments(content, {
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [document, ...others] = [...documents];
  if (document === undefined || others.length > 0 || document.errors.length > 0) return 'refused';
  return shape(document.contents, content);
}

const rules = `# Rules.

- required_engine_version: 0.31.0
- list: l   # some
  items: [a, "b c", 'it''s', -x, a:b, http://x/#y,
    [d, e ],
    # more
    f g,
  ]
- macro: m
  condition: (proc.name in (l) and
    fd.name startswith /etc)

- macro: n
  condition: >
    evt.type = open and
      indented

    fd.num >= 0
- rule: r
  desc: |-
    Some text: with a colon
  condition: evt.type=openat
  output: "quoted \\x41 \\"text\\"
    over lines (%proc.name)"
  priority: WARNING
  enabled: true # always
  tags: []
  exceptions:
    - name: e
      fields: [proc.name, fd.name]
      values:
      - [a, b]
      - - nested
    - name: f
      fields: proc.name
- rule: s
  exceptions: &known # more
    - name: g
- rule: t
  exceptions: *known
`;

const pieces = fc.constantFrom(
  ...[
    '',
    ' ',
    '  ',
    '\n',
    '\n\n',
    '\n  ',
    '\n    ',
    '- ',
    '-',
    ': ',
    ':',
    ' #',
    '# x',
    '#',
    '[',
    ']',
    '{',
    '}',
    ',',
    ', ',
  ],
  ...[
    '"',
    "'",
    '|',
    '>',
    '>-',
    '|+',
    '>2',
    '&a ',
    ' &a',
    '&a',
    ' *a',
    '*a',
    '!t ',
    '? ',
    '%',
    '@',
    '`',
    '\t',
    '\r\n',
    '---\n',
    '...\n',
    '\\',
    '\\n',
  ],
  ...[
    'a',
    'a: b',
    '- a',
    '- a: b',
    'key:',
    'key: ',
    'null',
    '~',
    'é',
    '\u2028',
    '\ufeff',
    '\0',
    'a b',
    "''",
    '""',
    '[]',
    'a #b',
  ],
);
const mutated = fc
  .array(fc.record({ at: fc.nat(rules.length), cut: fc.nat(6), put: pieces }), { minLength: 1, maxLength: 3 })
  .map((changes) => changes.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), rules));

/** Lines of all kinds at indentations of all kinds. */
const line = fc
  .tuple(fc.constantFrom('', '', '  ', '    ', ' ', '   ', '- ', '  - ', '    - '), fc.array(pieces, { maxLength: 5 }))
  .map(([indent, parts]) => indent + parts.join(''));
const written = fc.array(line, { maxLength: 7 }).map((lines) => `- rule: x\n${lines.join('\n')}`);
const soup = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));

describe('the quick reader of YAML', () => {
  test('reads what the library reads, or nothing', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(mutated, written, written, soup), (content) => {
        const found = quick(content);
        if (found === undefined) return;
        read++;
        expect(found).toEqual(library(content));
      }),
      { numRuns: long ? 300_000 : 4000 },
    );
    expect(read).toBeGreaterThan(200);
  });

  test('reads a file of rules of any common style', () => {
    expect(quick(rules.replace('      - - nested\n', ''))).toEqual(library(rules.replace('      - - nested\n', '')));
  });

  const root = join(import.meta.dirname, '../../..');
  const ours = globSync('rules/{aws,host,k8s}.yaml', { cwd: root }).map((name) =>
    readFileSync(join(root, name), 'utf8'),
  );
  const names = [
    'falco_rules',
    'falco-incubating_rules',
    'falco-sandbox_rules',
    'aws_cloudtrail_rules',
    'k8s_audit_rules',
  ];
  const theirs = names.flatMap((name) => sharedText(`data/rules/${name}.yaml`) ?? []);

  test("reads our rules, and Falco's where they are at hand", () => {
    expect(ours).toHaveLength(3);
    for (const content of [...ours, ...theirs]) expect(quick(content)).toEqual(library(content));
  });
});
