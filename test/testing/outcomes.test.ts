/** What can be expected of alerts, and what is said when it is otherwise. */

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { makeAlert, type OutputFields } from '../../src/events/alert.ts';
import { expectsAlert, judge } from '../../src/testing/expected/judge.ts';
import { outcome } from '../../src/testing/expected/shapes.ts';
import { claimsOf, runApart } from '../../src/testing/scenarios/claims.ts';
import type { Seen } from '../../src/testing/scenarios/detector.ts';
import type { Scenario } from '../../src/testing/scenarios/load.ts';

/** An alert at second 1 that was here `late` ms after that. */
function seen(rule: string, outputFields: OutputFields = {}, late = 0): Seen {
  const about = { priority: 'Notice', tags: [], hostname: 'node1', source: 'syscall' };
  return { alert: makeAlert(1_000_000_000n, { ...about, rule, output: `${rule}!`, outputFields }), at: 1000 + late };
}

const verdict = (expected: unknown, ...alerts: readonly Seen[]) => judge('R', outcome.parse(expected), alerts);

describe('one alert', () => {
  test.each<[string, unknown, Seen[], string[]]>([
    ['of the rule, whatever it is', {}, [seen('R')], []],
    ['of the rule, and none came', {}, [], ['"R" was not raised']],
    [
      'of the rule, and others came',
      {},
      [seen('S'), seen('T'), seen('S')],
      ['"R" was not raised; raised were "S", "T"'],
    ],
    ['one of many', { outputFields: { a: '2' } }, [seen('R', { a: 1 }), seen('R', { a: 2 })], []],
    [
      'what differs least is shown',
      { priority: 'WARNING', hostname: 'node1', outputFields: { a: 'x', b: 2, c: true } },
      [seen('R'), seen('R', { a: 'y', b: 2, c: true })],
      ['"R" was raised, but:', 'priority: expected "Warning", got "Notice"', 'a: expected "x", got "y"'],
    ],
    [
      'absent is like nothing',
      { outputFields: { a: '' } },
      [seen('R', { a: null })],
      ['"R" was raised, but:', 'a: expected "", got absent'],
    ],
    ['priority in any case', { priority: 'nOtIcE', source: 'syscall' }, [seen('R')], []],
    [
      'integers and lists as text',
      { outputFields: { a: '9007199254740993', b: '(x,1)' } },
      [seen('R', { a: 9007199254740993n, b: ['x', 1] })],
      [],
    ],
  ])('%s', (_what, expected, alerts, wrong) => {
    expect(verdict(expected, ...alerts)).toEqual(wrong);
  });

  test.each<[object, string, string | undefined]>([
    [{ regex: '^/etc/.+d$' }, '/etc/passwd', undefined],
    [{ regex: '^/etc/.+d$' }, '/etc/group', 'a: expected what matches ^/etc/.+d$, got "/etc/group"'],
    [{ contains: 'O_TRUNC' }, 'O_RDWR|O_TRUNC', undefined],
    [{ contains: 'O_TRUNC' }, 'O_RDWR', 'a: expected contains "O_TRUNC", got "O_RDWR"'],
    [{ startswith: '/tmp/' }, '/tmp/x', undefined],
    [{ startswith: '/tmp/' }, '/x', 'a: expected startswith "/tmp/", got "/x"'],
    [{ in: ['tcp', 6] }, '6', undefined],
    [{ in: ['tcp', 6] }, 'udp', 'a: expected in ["tcp","6"], got "udp"'],
  ])('a field %j of %s', (form, value, wrong) => {
    expect(verdict({ outputFields: { a: form } }, seen('R', { a: value }))).toEqual(
      wrong ? ['"R" was raised, but:', wrong] : [],
    );
  });
});

describe('beyond one alert', () => {
  test.each<[string, unknown, Seen[], string[]]>([
    ['none', { none: true }, [seen('S')], []],
    ['none, and one came', { none: true }, [seen('R')], ['not expected: "R": R!']],
    ['none such', { none: true, outputFields: { a: 1 } }, [seen('R', { a: 2 })], []],
    ['so many', { count: 2 }, [seen('R'), seen('S'), seen('R')], []],
    ['so many such', { count: 1, outputFields: { a: 1 } }, [seen('R', { a: 1 }), seen('R', { a: 2 })], []],
    ['too many', { count: 1 }, [seen('R'), seen('R')], ['expected 1 alerts, 2 came']],
    ['too few', { count: { gte: 2 } }, [seen('R')], ['expected at least 2 alerts, 1 came']],
    ['none allowed', { count: 0 }, [], []],
    ['not more than', { count: { lte: 1 } }, [seen('R'), seen('R')], ['expected at most 1 alerts, 2 came']],
    ['in time', { within: '200ms' }, [seen('R', {}, 200)], []],
    ['late', { within: '200ms' }, [seen('R', {}, 201)], ['the alert came after 201 ms, expected within 200 ms']],
    ['in order, with others between', { sequence: [{}, { rule: 'S' }] }, [seen('R'), seen('T'), seen('S')], []],
    [
      'out of order',
      { sequence: [{ rule: 'S' }, {}] },
      [seen('R'), seen('S')],
      ['alert 2 of the sequence, after 1 that came: "R" was not raised'],
    ],
    ['nothing else', { only: true }, [seen('R'), seen('R')], []],
    ['something else', { only: true }, [seen('R'), seen('S')], ['nothing else was expected: "S": S!']],
    ['nothing at all', { none: true, only: true }, [], []],
    [
      'only a sequence',
      { sequence: [{ rule: 'S' }], only: true },
      [seen('S'), seen('R')],
      ['nothing else was expected: "R": R!'],
    ],
  ])('%s', (_what, expected, alerts, wrong) => {
    expect(verdict(expected, ...alerts)).toEqual(wrong);
  });

  test.each([
    [{}, true],
    [{ none: true }, false],
    [{ count: 0 }, false],
    [{ count: { lte: 3 } }, false],
    [{ count: { gte: 1 } }, true],
    [{ sequence: [{}] }, true],
  ])('%j expects an alert: %s', (expected, answer) => {
    expect(expectsAlert(outcome.parse(expected))).toBe(answer);
  });
});

describe('tests that change the same do not run at the same time', () => {
  test('whatever they claim, and however many may run', async () => {
    const claims = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }).map(String), { maxLength: 3 }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(claims, fc.integer({ min: 1, max: 5 }), fc.scheduler(), async (all, limit, scheduler) => {
        const held: string[] = [];
        let running = 0;
        let done = 0;
        const jobs = all.map((names) => ({ claims: new Set(names) }));
        const finished = runApart(jobs, limit, async ({ claims: names }) => {
          for (const name of names) expect(held).not.toContain(name);
          held.push(...names);
          expect(++running).toBeLessThanOrEqual(limit);
          await scheduler.schedule(Promise.resolve());
          for (const name of names) held.splice(held.indexOf(name), 1);
          running--;
          done++;
        });
        await scheduler.waitFor(finished);
        expect(done).toBe(all.length);
      }),
      { numRuns: 200 },
    );
  });

  it('claims what is written or has yet to be made, with the folders above it', () => {
    const there = new Set(['/', '/tmp', '/etc', '/etc/shadow', '/etc/passwd', '/etc/group']);
    const scenario = {
      context: { processes: [{ exePath: '/tmp/new/bin/x', name: 'y' }, { name: 'z' }] },
      resources: [
        { type: 'fd', name: 'a', subtype: 'file', filePath: '/etc/shadow' },
        { type: 'fd', name: 'b', subtype: 'directory', dirPath: '/etc/' },
      ],
      steps: [
        { type: 'syscall', name: 's', syscall: 'openat', args: { pathname: '/tmp/other/deep/file', flags: 0 } },
        { type: 'syscall', name: 't', syscall: 'openat', args: { pathname: '/etc/group', flags: 0o1000 } },
        { type: 'syscall', name: 'u', syscall: 'openat2', args: { pathname: '/etc/passwd', how: { flags: 0 } } },
      ],
      before: 'rm -f /tmp/script; echo x/y > "$HOME/none"',
    } as unknown as Scenario;
    const claims = claimsOf(scenario, (path) => there.has(path));
    expect([...claims].sort()).toEqual(['/etc/group', '/tmp/new', '/tmp/other', '/tmp/script']);
  });
});
