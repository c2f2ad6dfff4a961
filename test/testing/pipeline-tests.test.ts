/** Tests of pipelines: real operators between what a test gives and what it looks at, in time that passes as it says. */

import { asyncScheduler } from 'rxjs';
import { describe, expect, it, test } from 'vitest';
import { now, sleep } from '../../src/core/clock.ts';
import { VirtualTime } from '../../src/testing/pipeline-tests/virtual-time.ts';
import { Files } from './runs.ts';

const PIPELINE = `
sources:
  node: { type: ebpf }
  aws: { type: cloudtrail, mode: lookup_events, region: eu-west-1 }
  self: { type: internal }
operators:
  detect: { type: rules, from: [node, aws], files: rules.yaml }
  calm: { type: throttle, from: detect, limit: 2, per: 1m, key: rule }
  last: { type: dedupe, from: node, key: proc.name, within: 30s, emit: last }
sinks:
  out: { type: file, from: [calm, self], path: never-written.jsonl }
  other: { type: file, from: last, path: nor-this.jsonl }
`;
const RULES = `
- { rule: Opened, desc: d, condition: evt.type = openat and fd.name = /x, output: "%fd.name", priority: NOTICE }
- { rule: Signed in, desc: d, condition: ct.name = ConsoleLogin, output: "%ct.user", priority: NOTICE, source: aws_cloudtrail }
`;

const files = (text: string, pipeline = PIPELINE) =>
  new Files({ 'p.yaml': pipeline, 'rules.yaml': RULES, 't.yaml': text });
const one = (events: string, expect: string, more = '') =>
  `pipeline: p.yaml\ntests:\n- name: n\n  events: [${events}]\n  expect: ${expect}\n${more}`;
const because = (text: string) => files(text).because('t.yaml', []);

const OPEN = '{ into: node, type: openat, fields: { fd.name: /x, proc.name: a } }';
const many = (count: number, more = '') => OPEN.replace('{ into', `{ times: ${count}, ${more} into`);

describe('a test passes', () => {
  test.each<[string, string]>([
    [
      'from a source to an operator',
      one(OPEN, '{ detect: [{ rule: Opened, priority: notice, source: syscall, fields: { fd.name: /x } }] }'),
    ],
    [
      'through several, to a sink',
      one(
        `${many(5)}, { into: node, at: 60s, type: openat, fields: { fd.name: /x } }`,
        '{ calm: { rule: Opened, count: 3 }, detect: { rule: Opened, count: 6 }, out: { rule: Opened, count: 3, only: true } }',
      ),
    ],
    [
      'into an operator',
      one(
        '{ into: calm, type: R, times: 4, fields: { rule: R, ct.user: x } }, { into: calm, type: S }',
        '{ out: [{ rule: R, fields: { ct.user: x } }, { rule: R }, { rule: S }] }',
      ),
    ],
    [
      'into an operator and above it',
      one(
        `${many(2)}, { into: calm, type: Opened, at: 1s }, { into: calm, type: S, at: 2s }`,
        '{ calm: [{ rule: Opened }, { rule: Opened }, { rule: S }] }',
      ),
    ],
    [
      'what comes later, and when',
      one(
        `${many(3, 'after: 10s,')}, { into: node, after: 1s, type: close, fields: { proc.name: b } }`,
        '{ last: [{ type: openat, at: 40s, fields: { dedupe.count: 3 } }] }',
        '  until: 50s',
      ),
    ],
    ['nothing before its time', one(many(3), '{ last: none }', '  until: 29s')],
    [
      'documents of a cloud',
      one(
        '{ into: aws, document: { eventName: ConsoleLogin, userIdentity: { userName: u } } }',
        '{ detect: [{ rule: Signed in, fields: { ct.user: u } }] }',
      ),
    ],
    [
      'events of any source',
      one(
        '{ into: self, type: drop, fields: { internal.reason: r } }',
        '{ out: [{ type: drop, source: internal, fields: { internal.reason: r } }] }',
      ),
    ],
  ])('%s', async (_what, text) => {
    expect(await because(text)).toEqual([]);
  });
});

describe('a test fails', () => {
  test.each<[string, string, string[]]>([
    [
      'less comes',
      one(many(3), '{ calm: { rule: Opened, count: 3 } }'),
      ['calm: expected 3 alerts, 2 came', 'events came: 3 to detect, 3 to calm'],
    ],
    ['more comes', one(OPEN, '{ detect: none }'), ['detect: not expected: "Opened": /x', 'events came: 1 to detect']],
    [
      'it comes at another time',
      one(OPEN, '{ last: [{ type: openat, at: 31s }] }', '  until: 1m'),
      ['last: "openat" came, but:', 'last: at: expected 31000 ms, got 30000 ms', 'events came: 1 to last'],
    ],
    [
      'a rule does not fire',
      one(OPEN.replace('/x', '/y'), '{ calm: [{ rule: Opened }] }'),
      [
        'calm: "Opened" did not come',
        'events came: 1 to detect, 0 to calm',
        'nearest of 1 events is the openat by a; what decides:',
        '  fd.name = /x is false: fd.name is "/y" (rules.yaml:2:61)',
      ],
    ],
    [
      'a field is another',
      one(OPEN, '{ detect: [{ rule: Opened, fields: { fd.name: /y } }] }'),
      ['detect: "Opened" came, but:', 'detect: fd.name: expected "/y", got "/x"', 'events came: 1 to detect'],
    ],
  ])('%s', async (_what, text, lines) => {
    expect(await because(text)).toEqual(lines);
  });
});

test('tests do not see each other, and a plan is made once', async () => {
  const each = (name: string) =>
    `- { name: ${name}, events: [${many(2)}], expect: { calm: { rule: Opened, count: 2 } } }`;
  const results = await files(`pipeline: p.yaml\ntests:\n${each('a')}\n${each('b')}\n`).run('t.yaml', []);
  expect(results).toMatchObject([
    { suite: 'p', status: 'passed' },
    { suite: 'p', status: 'passed' },
  ]);
});

describe('what is wrong is said with its place, and nothing runs', () => {
  test.each<[string, string]>([
    [
      one(OPEN.replace('node', 'nod'), '{ calm: none }'),
      't.yaml:4:20: error: There is no source or operator "nod" Did you mean "node"?',
    ],
    [one(OPEN, '{ clam: none }'), 't.yaml:5:13: error: There is no operator or sink "clam" Did you mean "calm"?'],
    [one(OPEN, '{ node: none }'), 't.yaml:5:13: error: There is no operator or sink "node"'],
    [one('{ into: aws, document: {} }', '{ last: none }'), 't.yaml:4:35: error: This is no aws_cloudtrail event'],
    [
      one('{ into: self, type: drop }', '{ last: none }'),
      't.yaml:5:13: error: What goes into self does not come to last',
    ],
    [
      one('{ into: detect, type: openat }', '{ calm: none }'),
      't.yaml:4:12: error: To detect come events of several sources Say which: source: syscall, or aws_cloudtrail.',
    ],
    [
      one('{ into: node, source: k8s_audit, type: x }', '{ calm: none }'),
      't.yaml:4:34: error: To node come no k8s_audit events Say which: source: syscall.',
    ],
    [
      one(OPEN, '{ calm: [{ rule: Opened, fields: { fd.nam: x } }] }'),
      't.yaml:5:46: error: There is no field of what leaves calm "fd.nam"',
    ],
    [one(OPEN, '{ calm: maybe }'), 't.yaml:5:19: error: '],
    [
      one(OPEN, '{ calm: none }', '  until: 1s').replace('type: openat', 'at: 2s, type: openat'),
      't.yaml:6:10: error: The test ends before its last event',
    ],
    [
      `defaults: { syscal: {} }\n${one(OPEN, '{ calm: none }')}`,
      't.yaml:1:13: error: There is no event source here "syscal"',
    ],
    [
      `defaults: { alert: { rul: x } }\n${one(OPEN, '{ calm: none }')}`,
      't.yaml:1:22: error: "rul" is no field of alert events',
    ],
    [
      'pipeline: no.yaml\ntests: [{ name: n, events: [{ into: a, type: b }], expect: { c: none } }]',
      'Cannot read the pipeline ',
    ],
  ])('%j', async (text, message) => {
    const [first] = (await files(text).run('t.yaml', [])) as string[];
    expect(first?.slice(0, message.length)).toBe(message);
  });

  it('also of the pipeline', async () => {
    const wrong = await files(one(OPEN, '{ calm: none }'), PIPELINE.replace('limit: 2', 'limits: 2')).run('t.yaml', []);
    expect((wrong as string[])[0]).toContain('p.yaml:8:41: error: Unknown key "limits"');
  });
});

describe('virtual time', () => {
  it('goes from one thing that is due to the next, and what follows from each arrives before the next', async () => {
    const time = new VirtualTime(1000);
    const seen: [string, number][] = [];
    try {
      const loop = async () => {
        for (let index = 0; index < 3; index++) {
          await sleep(10);
          seen.push(['slept', now()]);
        }
      };
      void loop();
      asyncScheduler.schedule(() => void seen.push(['due', now()]), 15);
      asyncScheduler.schedule(() => void seen.push(['never', now()]), 99).unsubscribe();
      await time.until(1025);
      expect(now()).toBe(1025);
      expect(seen).toEqual([
        ['slept', 1010],
        ['due', 1015],
        ['slept', 1020],
      ]);
      await time.until(2000);
      expect(seen.slice(3)).toEqual([['slept', 1030]]);
    } finally {
      time.restore();
    }
  });

  it('is over when it is restored', async () => {
    new VirtualTime(0).restore();
    expect(Math.abs(now() - Date.now())).toBeLessThan(60_000);
    await sleep(1);
  });
});
