/** Files of scenarios: what is read from them, and how they are told what is wrong. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { renderDiagnostic, type UserError } from '../../src/core/errors.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { loadRules } from '../../src/rules/index.ts';
import { parseCapabilities } from '../../src/testing/scenarios/capabilities.ts';
import { itemsOf } from '../../src/testing/scenarios/cases.ts';
import { loadScenarios, type Scenario } from '../../src/testing/scenarios/load.ts';
import { planOf, splitArgs } from '../../src/testing/scenarios/plan.ts';
import { numberOf } from '../../src/testing/scenarios/symbols.ts';
import { readTestFile } from '../../src/testing/test-files.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();

const { rules } = loadRules(
  [
    {
      name: 'rules.yaml',
      content: `
- { rule: Opened, desc: d, condition: evt.type = openat and fd.name = /x, output: "%fd.name", priority: NOTICE }
- { rule: Asked, desc: d, condition: ka.verb = get, output: "%ka.verb", priority: NOTICE, source: k8s_audit }
`,
    },
  ],
  { catalogues },
);

function load(text: string): readonly Scenario[] {
  const path = join(folder, 'tests.yaml');
  writeFileSync(path, text);
  return loadScenarios(
    readTestFile(path, () => ['rules.yaml']),
    rules,
  );
}

/** What is said of a file: place and message, without the lines that are quoted. */
function said(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    const { diagnostics, exit } = error as UserError;
    expect(exit).toBe(2);
    return diagnostics.map((each) => renderDiagnostic(each).replace(`${folder}/tests.yaml:`, '').replace('\n  ', ' '));
  }
}

const one = (more: string) => `tests:\n  - name: a\n    runner: HostRunner\n    rule: Opened\n${more}`;

describe('templates', () => {
  it('are filled in with values of any kind, and each case has a name', () => {
    const loaded = load(
      one(`    runIf: %{ item.when }
    context: { container: "%{ item.where }", processes: [{ name: "%{ item.who }" }] }
    steps: "%{ item.steps }"
    cases:
      - strategy: matrix
        values: { when: [null], where: [null, {}], who: [a, b], steps: [[]] }
      - strategy: vector
        values: { when: { arch: { op: ne, val: arm64 } }, where: { name: c }, who: d, steps: null }
`),
    );
    expect(
      loaded.map(({ name, context, runIf }) => [name, context?.container, context?.processes?.[0]?.name, runIf]),
    ).toEqual([
      ['a_testCase#0', null, 'a', null],
      ['a_testCase#1', null, 'b', null],
      ['a_testCase#2', {}, 'a', null],
      ['a_testCase#3', {}, 'b', null],
      ['a_testCase#4', { name: 'c' }, 'd', { arch: { op: 'ne', val: 'arm64' } }],
    ]);
  });

  it('are whole values: text around them stays as it is', () => {
    const [scenario] = load(one('    before: "rm %{ item.x }"\n    cases: [{ strategy: vector, values: { x: 1 } }]\n'));
    expect(scenario?.before).toBe('rm %{ item.x }');
  });

  test('a matrix has every combination once', () => {
    const values = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,3}$/),
      fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 4 }),
      {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(values, (given) => {
        const items = itemsOf([{ strategy: 'matrix', values: given }]);
        const count = Object.values(given).reduce((product, { length }) => product * length, 1);
        expect(new Set(items.map((item) => JSON.stringify(item))).size).toBe(count);
        for (const item of items) for (const [key, value] of Object.entries(item)) expect(given[key]).toContain(value);
      }),
    );
  });
});

describe('what is wrong is said with its place', () => {
  test.each<[string, string, string[]]>([
    ['an unknown key', '    stepz: []\n', ['5:5: error: Unknown key "stepz" at tests.0 Did you mean "steps"?']],
    [
      'a call that no step performs',
      '    steps: [{ type: syscall, name: s, syscall: opena, args: {} }]\n',
      [
        expect.stringMatching(
          /^5:48: error: tests\.0\.steps\.0\.syscall: a step is one of write, read, .*, not "opena"$/,
        ),
      ] as never,
    ],
    [
      'a symbol',
      '    steps: [{ type: syscall, name: s, syscall: openat, args: { pathname: /x, flags: O_RDONLY|O_CREATE } }]\n',
      [
        '5:85: error: tests.0.steps.0.args.flags: O_CREATE is no number here; did you mean O_CREAT?, not "O_RDONLY|O_CREATE"',
      ],
    ],
    [
      'a binding that leads nowhere, or forward',
      `    resources: [{ type: fd, name: f, subtype: event }]
    steps:
      - { type: syscall, name: s, syscall: dup, args: { oldFd: "\${ f.pid }" } }
      - { type: syscall, name: t, syscall: dup, args: { oldFd: "\${ u.ret }" } }
      - { type: syscall, name: u, syscall: dup, args: { oldFd: 1 } }
`,
      ['7:64: error: "f" has no pid; it has fd', '8:64: error: No resource and no step above is named "u"'],
    ],
    [
      'a number where only a binding can stand',
      '    steps: [{ type: syscall, name: k, syscall: kill, args: { pid: 1, sig: SIGKILL } }]\n',
      ['5:67: error: tests.0.steps.0.args.pid must be text, not 1'],
    ],
    [
      'a name that is there twice',
      '    resources: [{ type: fd, name: f, subtype: event }, { type: fd, name: f, subtype: pipe }]\n',
      ['5:74: error: There is another "f" above'],
    ],
    [
      'what a descriptor lacks',
      '    resources: [{ type: fd, name: f, subtype: file, dirPath: /tmp }]\n',
      ['5:17: error: A descriptor of subtype file needs filePath'],
    ],
    [
      'an address of another family',
      '    resources: [{ type: clientServer, name: c, l4Proto: tcp6, address: "10.0.0.1:80" }]\n',
      ['5:72: error: tcp6 needs an address such as [2001:db8::1]:80'],
    ],
    [
      'capabilities of a process that is not the last',
      '    context: { processes: [{ capabilities: all=p }, {}] }\n',
      ['5:44: error: Only the last process can have capabilities of its own'],
    ],
    [
      'a field that is none',
      '    expectedOutcome: { outputFields: { proc.nam: x } }\n',
      ['5:40: error: "proc.nam" is no field of syscall events Did you mean "proc.name"?'],
    ],
    [
      'contradictions in what is expected',
      '    expectedOutcome: { none: true, count: 1 }\n',
      [expect.stringContaining('`none` stands without count, within and sequence')] as never,
    ],
    [
      'a key that the cases do not have',
      '    before: "%{ item.pat }"\n    cases: [{ strategy: vector, values: { path: x } }]\n',
      ['5:13: error: No case of the test gives a value to item.pat Did you mean "path"?'],
    ],
    [
      'cases with different keys',
      '    cases: [{ strategy: vector, values: { a: x } }, { strategy: vector, values: { b: x } }]\n',
      ['5:81: error: The cases of a test have the same keys; the first has a'],
    ],
    [
      'a value of one case',
      '    expectedOutcome: { priority: "%{ item.p }" }\n    cases: [{ strategy: matrix, values: { p: [notice, warm, WARNING] } }]\n',
      [
        '5:34: error: tests.0.expectedOutcome.priority: a priority is Emergency, Alert, Critical, Error, Warning, Notice, Informational or Debug, not "warm" In a case in which item.p is "warm".',
      ],
    ],
  ])('%s', (_what, more, expected) => {
    expect(said(one(more))).toEqual(expected);
  });

  test('a rule that is not there, and one for other events', () => {
    expect(said(one('').replace('Opened', 'Openned'))).toEqual([
      '4:11: error: There is no rule "Openned" Did you mean "Opened"?',
    ]);
    expect(said(one('').replace('Opened', 'Asked'))).toEqual([
      '4:11: error: The rule "Asked" is for k8s_audit events; scenarios make syscall events',
    ]);
  });
});

describe('plans', () => {
  it('have numbers for symbols, octal modes, and bytes in hex', () => {
    const [scenario] = load(
      one(`    resources: [{ type: fd, name: f, subtype: pipe }]
    steps:
      - { type: syscall, name: a, syscall: openat, args: { pathname: "/tmp/a b$%", flags: O_WRONLY|O_CREAT|O_TRUNC, mode: 0644 } }
      - { type: syscall, name: b, syscall: write, args: { fd: "\${ f.writeFd }", buffer: hé } }
`),
    );
    const lines = planOf(scenario as Scenario, '7', '/tmp/stage').split('\n');
    expect(lines).toEqual([
      'test 7 actor=/tmp/stage/actor',
      'process - file=/tmp/stage/7.0/event-generator run=/tmp/stage/7.0/event-generator arg=event-generator',
      'resource f type=fd subtype=pipe',
      'step a syscall=openat pathname=/tmp/a%20b%24%25 flags=577 mode=420',
      'step b syscall=write fd=$f.writeFd buffer=68c3a9',
      '',
    ]);
  });

  test.each([
    ['', []],
    ['-c  /dev/shm/evil', ['-c', '/dev/shm/evil']],
    [`-x "a b" 'c "d' e`, ['-x', 'a b', 'c "d', 'e']],
  ])('arguments: %s', (text, expected) => {
    expect(splitArgs(text)).toEqual(expected);
  });

  test.each([
    ['O_RDONLY', 'open', { value: 0 }],
    ['O_WRONLY | O_CREAT', 'open', { value: 0o101 }],
    ['0644', 'mode', { value: 0o644 }],
    ['S_IRUSR|0x20', 'mode', { value: 0o440 }],
    ['MSG_CMSG_CLOEXEC', 'message', { value: 0x4000_0000 }],
    ['AF_INET|AF_X', 'family', { unknown: 'AF_X' }],
    ['', 'open', { unknown: '' }],
  ] as const)('numbers: %s', (text, set, expected) => {
    expect(numberOf(text, set)).toEqual(expected);
  });

  const bit = (...caps: readonly number[]) => caps.reduce((mask, cap) => mask | (1n << BigInt(cap)), 0n);
  test.each<[string, bigint, bigint, bigint]>([
    ['cap_net_raw=ep', bit(13), bit(13), 0n],
    ['cap_net_raw,cap_chown+p cap_chown-p', bit(13), 0n, 0n],
    ['all=p cap_kill+ei', bit(...Array(41).keys()), bit(5), bit(5)],
    ['=', 0n, 0n, 0n],
    ['CAP_SYS_ADMIN=i', 0n, 0n, bit(21)],
  ])('capabilities: %s', (text, permitted, effective, inheritable) => {
    expect(parseCapabilities(text)).toEqual({ permitted, effective, inheritable });
  });

  test.each([
    ['cap_foo=p', 'there is no capability cap_foo'],
    ['all', '"all" is no clause as all=iep or cap_net_raw+ep'],
    ['cap_kill=e', 'what is effective has to be permitted too'],
  ])('capabilities that are wrong: %s', (text, message) => {
    expect(() => parseCapabilities(text)).toThrow(message);
  });
});
