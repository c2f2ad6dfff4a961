/** Reports for people and for machines. */

import { expect, test } from 'vitest';
import { makeReporter, type ReportForm } from '../../src/testing/report.ts';
import type { TestResult } from '../../src/testing/test-kind.ts';

const results: TestResult[] = [
  { file: 't.yaml', line: 3, suite: 'Rule <1>', name: 'good', status: 'passed', ms: 12, because: [] },
  {
    file: 't.yaml',
    line: 9,
    suite: 'Rule <1>',
    name: 'bad #2',
    status: 'failed',
    ms: 1500,
    because: ['"R" was not raised', 'a: \u0001 "x" & y'],
  },
  { file: 'u.yaml', line: 1, suite: 'Other', name: 'away', status: 'skipped', ms: 0, because: ['no engine'] },
];
const summary = { passed: 1, failed: 1, skipped: 1 };

function reported(form: ReportForm, terminal = false) {
  const out: string[] = [];
  const err: string[] = [];
  const reporter = makeReporter(form, {
    out: { write: (text) => out.push(text) },
    err: { isTTY: terminal, columns: 20, write: (text) => err.push(text) },
  });
  reporter.begin(results.length);
  for (const result of results) reporter.result(result);
  reporter.end(results, summary);
  return { out: out.join(''), err: err.join('') };
}

test('people read what failed and why, what was skipped, and the sum', () => {
  expect(reported('text')).toEqual({
    out: `FAIL t.yaml:9 Rule <1>: bad #2
    "R" was not raised
    a: \u0001 "x" & y
skipped away: no engine
1 passed, 1 failed, 1 skipped
`,
    err: '',
  });
});

test('a terminal shows how far it is, in one line that is cut to its width', () => {
  const { err } = reported('text', true);
  expect(err.split('\r\u001b[K')).toEqual(['', '1/3 good', '', '2/3 bad #2', '3/3 away', '']);
});

test('json', () => {
  const { out, err } = reported('json');
  expect(JSON.parse(out)).toEqual({ tests: results, summary });
  expect(err).toBe('1 passed, 1 failed, 1 skipped\n');
});

test('tap', () => {
  expect(reported('tap')).toEqual({
    out: String.raw`TAP version 14
1..3
ok 1 - Rule <1>: good
not ok 2 - Rule <1>: bad \#2
  ---
  at: "t.yaml:9"
  because:
    - "\"R\" was not raised"
    - "a: \u0001 \"x\" & y"
  ...
ok 3 - Other: away # SKIP no engine
`,
    err: '1 passed, 1 failed, 1 skipped\n',
  });
});

test('junit', () => {
  expect(reported('junit')).toEqual({
    out: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="falco-pipe test" tests="3" failures="1" errors="0" skipped="1" time="1.512">
  <testsuite name="Rule &lt;1&gt;" file="t.yaml" tests="2" failures="1" errors="0" skipped="0" time="1.512">
    <testcase classname="Rule &lt;1&gt;" name="good" file="t.yaml" line="3" time="0.012"/>
    <testcase classname="Rule &lt;1&gt;" name="bad #2" file="t.yaml" line="9" time="1.500"><failure message="&quot;R&quot; was not raised">&quot;R&quot; was not raised&#10;a: \ufffd &quot;x&quot; &amp; y</failure></testcase>
  </testsuite>
  <testsuite name="Other" file="u.yaml" tests="1" failures="0" errors="0" skipped="1" time="0.000">
    <testcase classname="Other" name="away" file="u.yaml" line="1" time="0.000"><skipped message="no engine"/></testcase>
  </testsuite>
</testsuites>
`,
    err: '1 passed, 1 failed, 1 skipped\n',
  });
});
