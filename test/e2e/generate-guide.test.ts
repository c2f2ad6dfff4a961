/** The guide docs/guides/generate.md: its commands print what it says, and its figures are right. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { examples, readGuide, wordsOf } from './guide.ts';
import { cannotTrace, Program, repository } from './program.ts';

const { steps } = readGuide('generate.md');
const text = readFileSync(join(repository, 'docs/guides/generate.md'), 'utf8');
const named = ['stable', 'incubating', 'sandbox'].flatMap((maturity) => {
  const file = readFileSync(join(repository, `actions/${maturity}.yaml`), 'utf8');
  return (parse(file) as { tests: { rule: string }[] }).tests.map(({ rule }) => ({ rule, maturity }));
});

const official = join(repository, '../shared/data/rules');
const noRules = existsSync(official) ? undefined : "Falco's rules are not beside the repository";

test.skipIf(noRules)(
  `every rule of Falco has an action of its maturity, or a reason${noRules ? ` (skipped: ${noRules})` : ''}`,
  () => {
    const rules = ['', '-incubating', '-sandbox'].flatMap((name) => {
      const items = parse(readFileSync(join(official, `falco${name}_rules.yaml`), 'utf8')) as { rule?: string }[];
      return items.flatMap(({ rule }) => (rule === undefined ? [] : [{ rule, maturity: name.slice(1) || 'stable' }]));
    });
    const known = new Set(rules.map((each) => JSON.stringify(each)));
    expect(named.filter((each) => !known.has(JSON.stringify(each)))).toEqual([]);
    const have = new Set(named.map(({ rule }) => rule));
    const without = rules.map(({ rule }) => rule).filter((rule) => !have.has(rule));
    const table = [...text.matchAll(/^\| ([^|]+) \| (?!why)[^-]/gm)].map(([, rule]) => rule);
    expect(table.toSorted()).toEqual(without.toSorted());
    expect(text).toContain(`${named.length} actions for its ${rules.length} rules`);
  },
);

describe.skipIf(cannotTrace)(`the commands${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test.each(steps.map((step) => [step.commands.join('; '), step] as const))('%s', async (_, { commands, printed }) => {
    for (const command of commands) {
      const { stdout, stderr, code } = await Program.run(wordsOf(command).slice(1), { cwd: examples });
      expect({ printed: stdout + stderr, code }).toEqual({ printed, code: 0 });
    }
  });
});
