/** Which parts of rules tests decide. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, test } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { bindChecks, explainVerdict, type JudgedNode, loadRules } from '../../src/rules/index.ts';
import { Coverage } from '../../src/testing/rule-coverage/coverage.ts';
import { coveragePage } from '../../src/testing/rule-coverage/page.ts';
import { coverageData, coverageLine, gapLines } from '../../src/testing/rule-coverage/told.ts';
import { loadRuleTests } from '../../src/testing/rule-tests/load.ts';
import { readTestFile } from '../../src/testing/test-files.ts';
import { Files } from './runs.ts';

const RULES = `- { list: trusted, items: [] }
- macro: of_a_shell
  condition: proc.pname in (sh, <dash>)
- rule: One
  desc: d
  condition: evt.type = openat and (fd.name = /a or fd.name = /b) and not of_a_shell and not user.name in (trusted)
  output: x
  priority: NOTICE
- rule: Two
  desc: d
  condition: evt.type = close and of_a_shell
  output: x
  priority: NOTICE
- { rule: Off, desc: d, condition: evt.type = dup, output: x, priority: NOTICE, enabled: false }
`;
const TESTS = `tests:
- { rule: One, name: a, events: [{ type: openat, fields: { fd.name: /a } }], alerts: [{ rule: One }] }
- { rule: One, name: b, events: [{ type: openat, fields: { fd.name: /c, proc.pname: sh } }, { type: close }], none: true }
`;

async function covered(tests: string): Promise<Coverage> {
  const coverage = new Coverage();
  await new Files({ 'r.yaml': RULES, 't.yaml': tests }).run('t.yaml', ['r.yaml'], coverage);
  return coverage;
}

/** Without the folder. */
const lines = (coverage: Coverage) => gapLines(coverage).map((line) => line.replace(/^\S*\//, ''));

it('names the rules and the checks that no test decides', async () => {
  const coverage = await covered(TESTS);
  expect(lines(coverage)).toEqual([
    'r.yaml:9 Two: never raised, no test expects it, no test expects its silence',
    'r.yaml:6:53 fd.name = /b: never true',
  ]);
  expect(coverageData(coverage)).toEqual({ rules: 2, raised: 1, tested: 1, checks: 5, decided: 4 });
  expect(coverageLine(coverage)).toBe(
    'coverage: 1 of 2 rules raised, 1 with a positive and a negative test, 4 of 5 checks both true and false',
  );
});

it('counts a rule that is disabled once a test is about it', async () => {
  const more = '- { rule: "Off", name: c, events: [{ type: dup }], alerts: [{ rule: "Off" }] }\n';
  expect(lines(await covered(TESTS + more))).toContain('r.yaml:14 Off: no test expects its silence');
});

it('is a page, in which what is written in rules is text', async () => {
  const page = coveragePage(await covered(TESTS));
  expect(page).toContain('proc.pname in (sh, &#60;dash&#62;)');
  expect(page).not.toContain('<dash>');
  expect(page.match(/<details open>/g)).toHaveLength(2);
  expect(page).toContain('<code>fd.name = /b</code> <b>never true</b>');
});

const folder = fileURLToPath(new URL('../../rules/', import.meta.url));
const ruleFiles = readdirSync(folder).filter((name) => /^\w+\.yaml$/.test(name));

test.each(ruleFiles)('checks judged many at a time are what a verdict that is explained says: %s', (name) => {
  const { rules } = loadRules([{ name, content: readFileSync(folder + name, 'utf8') }], { catalogues });
  const file = readTestFile(folder + name.replace('.yaml', '.test.yaml'), () => [name]);
  const leaves = ({ kind, mark, items }: JudgedNode): boolean[] =>
    kind === 'check' ? [mark === 'true'] : items.flatMap(leaves);
  let matches = 0;
  for (const { rule, events } of loadRuleTests(file, rules).tests) {
    const judges = new Map<unknown, ReturnType<typeof bindChecks>>();
    for (const { event, form } of events) {
      if (!judges.has(form)) judges.set(form, bindChecks(rule, form));
      const explained = explainVerdict(rule, event, form);
      const judged = judges.get(form)?.(event);
      expect(judged).toEqual({ matches: explained.matches, checks: leaves(explained.condition) });
      if (judged?.matches) matches++;
    }
  }
  expect(matches).toBeGreaterThan(10);
});
