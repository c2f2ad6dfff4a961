/** Tests of rules: what they can say, that a test which should fail does, and how one is told what is wrong. */

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { exactly } from '../../src/testing/expected/exactly.ts';
import { START, timesOf } from '../../src/testing/given-events.ts';
import { Files } from './runs.ts';

const RULES = `
- macro: shell
  condition: proc.name in (sh, bash)
- rule: Shell of a server
  desc: d
  condition: evt.type in (execve, execveat) and shell and proc.pname = nginx
  output: "%proc.name of %proc.pname"
  priority: WARNING
- rule: Shadow read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and not proc.name in (sshd, login)
  output: "%fd.name by %proc.name"
  priority: NOTICE
- rule: Off
  desc: d
  condition: evt.type = openat and fd.name = /etc/off
  output: "%fd.name"
  priority: NOTICE
  enabled: false
- rule: Root signed in
  desc: d
  condition: ct.name = ConsoleLogin and ct.user = root
  output: "%ct.srcip"
  priority: NOTICE
  source: aws_cloudtrail
`;

const DEFAULTS = '{ proc.name: sh, proc.pname: nginx, fd.name: /etc/passwd, user.uid: 0 }';
const SHELL = '{ type: execve }';
const SHADOW = '{ type: openat, fields: { fd.name: /etc/shadow, proc.name: cat } }';

/** A file of one test. */
function one(rule: string, events: string, expected: string, top = ''): string {
  return `${top}\ndefaults: ${DEFAULTS}\ntests: [{ rule: ${rule}, name: n, events: [${events}], ${expected} }]`;
}

const because = (text: string) => new Files({ 'rules.yaml': RULES, 't.yaml': text }).because('t.yaml', ['rules.yaml']);

describe('a test passes', () => {
  test.each<[string, string]>([
    [
      'all alerts, in order',
      one('Shadow read', `${SHADOW}, ${SHELL}`, 'alerts: [{ rule: Shadow read }, { rule: Shell of a server }]'),
    ],
    ['none', one('Shadow read', '{ type: openat }, { type: openat, fields: { fd.name: null } }', 'none: true')],
    [
      'fields, equal and otherwise',
      one(
        'Shadow read',
        SHADOW,
        'alerts: [{ rule: Shadow read, priority: notice, fields: { proc.name: { in: [cat, dd] }, fd.name: { regex: ^/etc }, user.uid: 0 } }]',
      ),
    ],
    [
      'one of several',
      one('Shadow read', `${SHELL}, ${SHADOW}`, 'expectedOutcome: { outputFields: { proc.name: cat } }'),
    ],
    ['a count', one('Shadow read', `${SHADOW}, ${SHADOW}`, 'expectedOutcome: { count: 2, only: true }')],
    [
      'a rule that is not enabled',
      one('"Off"', '{ type: openat, fields: { fd.name: /etc/off } }', 'alerts: [{ rule: "Off" }]'),
    ],
    ['such a rule beside others', one('Shadow read', '{ type: openat, fields: { fd.name: /etc/off } }', 'none: true')],
    [
      'the first rule alone',
      one('Shell of a server', SHELL, 'alerts: [{ rule: Shell of a server }]', 'matching: first'),
    ],
    [
      'a cloud event',
      'source: aws_cloudtrail\ndefaults: { eventName: ConsoleLogin, sourceIPAddress: 192.0.2.1 }\ntests: [{ rule: Root signed in, name: n, events: [{ document: { userIdentity: { userName: root } } }, { document: { eventName: Other, userIdentity: { userName: root } } }], alerts: [{ rule: Root signed in, fields: { ct.srcip: 192.0.2.1 } }] }]',
    ],
    [
      'a cloud event as its fields',
      one(
        'Root signed in',
        '{ source: aws_cloudtrail, type: ConsoleLogin, fields: { ct.name: ConsoleLogin, ct.user: root } }',
        'alerts: [{ rule: Root signed in }]',
      ),
    ],
  ])('%s', async (_what, text) => {
    expect(await because(text)).toEqual([]);
  });
});

describe('a test fails', () => {
  test.each<[string, string, string[]]>([
    [
      'another rule',
      one('Shell of a server', SHADOW, 'alerts: [{ rule: Shell of a server }]'),
      [
        '"Shell of a server" did not come',
        'not expected: "Shadow read": /etc/shadow by cat',
        'the rule looks at execve, execveat; the test made none of these',
      ],
    ],
    [
      'what decided',
      one(
        'Shell of a server',
        '{ type: execve, fields: { proc.name: dash } }, { type: execve, fields: { proc.name: x, proc.pname: y } }',
        'alerts: [{ rule: Shell of a server }]',
      ),
      [
        '"Shell of a server" did not come',
        'nearest of 2 events is the execve by dash; what decides:',
        '  proc.name in (sh, bash) is false: proc.name is "dash" (rules.yaml:3:14)',
      ],
    ],
    [
      'a field',
      one('Shadow read', SHADOW, 'alerts: [{ rule: Shadow read, fields: { proc.name: dd } }]'),
      ['"Shadow read" came, but:', 'proc.name: expected "dd", got "cat"'],
    ],
    [
      'an event fewer',
      one('Shadow read', SHADOW, 'alerts: [{ rule: Shadow read }, { rule: Shadow read }]'),
      ['"Shadow read" did not come'],
    ],
    [
      'none, and one comes',
      one('Shadow read', SHADOW, 'none: true'),
      ['not expected: "Shadow read": /etc/shadow by cat'],
    ],
    [
      'another order',
      one('Shadow read', `${SHADOW}, ${SHELL}`, 'alerts: [{ rule: Shell of a server }, { rule: Shadow read }]'),
      ['"Shadow read" did not come', 'not expected: "Shadow read": /etc/shadow by cat'],
    ],
    [
      'another source',
      one('Root signed in', SHADOW, 'expectedOutcome: {}'),
      [
        '"Root signed in" was not raised; raised were "Shadow read"',
        '"Root signed in" looks at aws_cloudtrail events; the test has none',
      ],
    ],
  ])('%s', async (_what, text, lines) => {
    const found = await because(text);
    for (const line of lines) expect(found).toContain(line);
  });
});

describe('what is wrong is said with its place, and nothing runs', () => {
  const said = (text: string) => new Files({ 'rules.yaml': RULES, 't.yaml': text }).run('t.yaml', ['rules.yaml']);
  const test1 = (event: string, more = 'none: true') =>
    `tests:\n- rule: Shadow read\n  name: n\n  events:\n  - ${event}\n  ${more}\n`;

  test.each<[string, string]>([
    [
      test1('{ type: openat }').replace('Shadow', 'Shadows'),
      't.yaml:2:9: error: There is no rule "Shadows read" Did you mean "Shadow read"?',
    ],
    [test1('{ type: opennat }'), 't.yaml:5:13: error: There is no syscall event "opennat" Did you mean "openat"?'],
    [test1('{ fields: {} }'), 't.yaml:5:5: error: The event has no type Say which syscall event it is: type: ….'],
    [
      test1('{ type: openat, fields: { fd.nam: x } }'),
      't.yaml:5:31: error: "fd.nam" is no field of syscall events Did you mean',
    ],
    [
      test1('{ type: openat, fields: { proc.args: 12 } }'),
      't.yaml:5:42: error: proc.args is text, not 12 Put it in quotes.',
    ],
    [test1('{ type: openat, fields: { user.uid: root } }'), 't.yaml:5:41: error: user.uid is a number, not "root"'],
    [
      test1('{ type: openat, source: syscal }'),
      't.yaml:5:29: error: There is no event source "syscal" Did you mean "syscall"?',
    ],
    [test1('{ document: {} }'), 't.yaml:5:7: error: syscall events have fields, not a document'],
    [test1('{ source: aws_cloudtrail, document: { a: 1 } }'), 't.yaml:5:41: error: This is no aws_cloudtrail event: '],
    [
      test1('{ type: openat, at: 1s, after: 1s }'),
      't.yaml:5:5: error: tests.0.events.0: an event has fields and a type, or a document; and `at` or `after`, not both',
    ],
    [
      test1('{ type: openat }', 'alerts: [{ rule: Shadow read, fields: { fd.nam: x } }]'),
      't.yaml:6:43: error: "fd.nam" is no field of syscall events',
    ],
    [
      test1('{ type: openat }', 'alerts: [{ rule: Nothing }]'),
      't.yaml:6:20: error: There is no rule "Nothing" The rules are those of',
    ],
    [
      test1('{ type: openat }', 'expectedOutcome: { sequence: [{ outputFields: { x: 1 } }] }'),
      't.yaml:6:51: error: "x" is no field of syscall events',
    ],
    [
      test1('{ type: openat }', 'expectedOutcome: { within: 1s }'),
      't.yaml:6:22: error: Recorded events are judged in no time',
    ],
    [
      `defaults: { proc.nam: x }\n${test1('{ type: openat }')}`,
      't.yaml:1:13: error: "proc.nam" is no field of syscall events',
    ],
    [
      `defaults: { user.uid: root }\n${test1('{ type: openat }')}`,
      't.yaml:1:23: error: user.uid is a number, not "root"',
    ],
    [test1('{ type: openat }', 'name: m'), 't.yaml:6:3: error: The key "name" stands twice in this map'],
    [test1('{ type: openat }', 'alert: []'), 't.yaml:6:3: error: Unknown key "alert" at tests.0'],
    [
      `${test1('{ type: openat }')}${test1('{ type: openat }').replace('tests:\n', '')}`,
      't.yaml:8:9: error: The rule has another test of the name "n"',
    ],
  ])('%j', async (text, message) => {
    const lines = (await said(text)) as string[];
    expect(lines[0]?.slice(0, message.length)).toBe(message);
  });

  it('is one of alerts, none and expectedOutcome', async () => {
    for (const more of [
      'none: true\n  expectedOutcome: {}',
      'expectedOutcome: {}\n  alerts: [{ rule: Shadow read }]',
    ]) {
      expect(await said(test1('{ type: openat }', more))).toEqual([
        't.yaml:2:3: error: tests.0: a test says one of `alerts`, `none` and `expectedOutcome`',
      ]);
    }
  });
});

describe('exactly', () => {
  const about = { priority: 'Notice', tags: [], hostname: 'h', source: 'syscall', output: '' };
  const names = fc.array(fc.constantFrom('A', 'B', 'C'), { maxLength: 6 });
  const seen = (rules: readonly string[]) =>
    rules.map((rule, index) => ({
      alert: makeAlert(BigInt(index), { ...about, rule, outputFields: {} }),
      at: START + index,
    }));
  const wanted = (rules: readonly string[]) => rules.map((rule) => ({ rule }));

  test('nothing is wrong when, and only when, the same comes in the same order', () => {
    fc.assert(
      fc.property(names, names, (expected, came) => {
        const { wrong } = exactly(wanted(expected), seen(came));
        expect(wrong.length === 0).toBe(JSON.stringify(expected) === JSON.stringify(came));
      }),
    );
  });

  test('a time is exact', () => {
    expect(exactly([{ rule: 'A' }, { rule: 'B', at: 1 }], seen(['A', 'B'])).wrong).toEqual([]);
    expect(exactly([{ rule: 'A', at: 2 }], seen(['A'])).wrong).toEqual([
      '"A" came, but:',
      'at: expected 2 ms, got 0 ms',
    ]);
  });
});

test('events happen when they say, else a millisecond after the one before', () => {
  expect(timesOf([{}, {}, { after: 10 }, { at: 5 }, {}])).toEqual([0, 1, 11, 5, 6]);
  expect(timesOf([{ after: 3 }, {}])).toEqual([3, 4]);
});
